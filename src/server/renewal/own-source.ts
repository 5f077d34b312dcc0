/** Managed certificates of our own issuers: straight through the pipeline, once for each version. */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { ChanceryError, isChanceryError } from '../../base/errors.ts';
import { systemPrincipal } from '../../domain/identity/principal.ts';
import { issue, type IssuancePorts } from '../../domain/issuance/issue.ts';
import { type CertificateAsk, type Obtained, OrderFault } from '../../domain/renewal/ports.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { exportSpki, readPublicKey } from '../../x509/public-key.ts';
import type { Authority } from '../authority.ts';

export async function obtainOwn(
  ask: CertificateAsk,
  ports: IssuancePorts,
  authority: Authority,
): Promise<Obtained> {
  const { name, wish } = ask.managed;
  if (wish.source.kind !== 'own') throw new OrderFault('it is not for an issuer of ours', true);
  const { issuer, profile } = wish.source;
  const spki = spkiOf(ask.privateKey);
  // a kill -9 after the certificate was recorded: the same version finds it again
  const key = `managed:${name}:${ask.version.number}`;
  const requestHash = createHash('sha256').update(key).update(spki).digest('hex');
  try {
    const issued = await issue(ports, {
      principal: systemPrincipal('managed'),
      door: { name: 'internal', requestId: `managed ${name} ${ask.version.number}` },
      issuer,
      profile,
      proof: { makeHere: () => Promise.resolve(readPublicKey(spki)) },
      names: wish.names,
      ttl: wish.ttl,
      labels: wish.labels,
      claim: { key, requestHash },
      ...(wish.owner !== null && { owner: wish.owner }),
    });
    const record = issued.kind === 'issued' ? issued.record : ports.ledger.findCertificate(issued.serial);
    const generation = record && authority.generation(record.generation);
    if (record === undefined || generation === undefined)
      throw new ChanceryError('internal', `the certificate of ${key} cannot be found`);
    return {
      certificates: [record.der, generation.certificate.raw],
      issuedBy: generation.id,
      window: null,
    };
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    // what a rule forbids stays forbidden until people change something; what is down comes back
    const { retryAfter } = error.detail;
    const retryAt = retryAfter === undefined ? undefined : ports.clock.now() + retryAfter * 1000;
    throw new OrderFault(error.message, false, retryAt, error);
  }
}

const spkiOf = (pkcs8: Bytes): Bytes =>
  exportSpki(createPublicKey(createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })));
