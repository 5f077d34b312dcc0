/**
 * `server admin renew-issuer`: the next generation of an issuer without the server, which does not start once the issuer
 * of its own certificate is over. Offline, audited.
 */
import { formatInstant } from '../base/clock.ts';
import type { Actor } from '../http/admin/ports.ts';
import type { Bytes } from '../x509/bytes.ts';
import { encodePem } from '../x509/pem.ts';
import { createLog } from '../telemetry/log.ts';
import { openCrls } from './crl/open.ts';
import { dataPaths, requireAuthority } from './data.ts';
import { openLifecycle } from './lifecycle.ts';
import { localPrincipal } from './local-caller.ts';
import { openData } from './open.ts';
import { type ProgramOptions, resolveConfiguration } from './options.ts';

export interface RenewIssuerOptions extends ProgramOptions {
  readonly issuer: string;
  /** DER of what an offline root signed for the request; left out: the request is asked for. */
  readonly certificate?: Bytes | undefined;
}

export interface RenewedIssuer {
  readonly generation: string;
  readonly root: string;
  /** The request that the offline root has to sign, PEM. */
  readonly csr?: string;
  readonly notAfter?: string;
}

/**
 * Takes the lock of the data folder, so the server must be stopped (`unsafe_files` says so). What was prepared or imported
 * issues at once, for it is needed now. Throws what `issuer prepare`, `ca import` and `issuer activate` throw.
 */
export async function renewIssuer(options: RenewIssuerOptions): Promise<RenewedIssuer> {
  const { issuer, certificate } = options;
  const config = await resolveConfiguration(options);
  requireAuthority(dataPaths(config.data));
  const log = createLog({ level: 'warn' });
  const opened = await openData({
    config,
    log,
    createKeys: false,
    onFatal(error) {
      throw error;
    },
  });
  const statusUrl = config.externalUrl.status.url;
  const crls = openCrls(opened, config, statusUrl, log);
  const actor: Actor = { principal: localPrincipal(), door: 'local', requestId: 'admin-renew-issuer' };
  try {
    await crls.open();
    const { hierarchy } = openLifecycle(opened, config, statusUrl, log, crls, () => undefined);
    const prepared =
      certificate === undefined
        ? await hierarchy.prepare(issuer, actor)
        : { kind: 'prepared' as const, generation: await hierarchy.import(certificate, actor) };
    if (prepared.kind === 'requested') {
      const { id, root, csr } = prepared.pending;
      return { generation: id, root, csr: encodePem('CERTIFICATE REQUEST', csr) };
    }
    const generation = await hierarchy.activate(prepared.generation.id, actor);
    return {
      generation: generation.id,
      root: generation.root,
      notAfter: formatInstant(generation.certificate.notAfter),
    };
  } finally {
    await opened.trail.signNow();
    await crls.close();
    await opened.close();
  }
}
