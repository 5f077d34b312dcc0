/** The HTTPS listener's own certificate: through the pipeline like everybody's, renewed at two thirds of its life, and when it is revoked. */
import { MINUTE } from '../base/clock.ts';
import { bareHost } from '../base/host-port.ts';
import type { Log } from '../base/log.ts';
import { type Configuration, type IssuerChoice, listenerIssuer } from '../config/index.ts';
import { type Name, parseName } from '../domain/identity/names.ts';
import { systemPrincipal } from '../domain/identity/principal.ts';
import { issue, type IssuancePorts } from '../domain/issuance/issue.ts';
import type { ListenerCredentials } from '../http/tls-listener.ts';
import { exportPkcs8, generateKeyPair } from '../x509/key-pair.ts';
import { encodePem } from '../x509/pem.ts';
import { parseIp } from '../x509/ip.ts';
import { ChanceryError } from '../base/errors.ts';
import type { Authority } from './authority.ts';
import { requireChoice } from './admin-login.ts';

const EVERY_ADDRESS = ['0.0.0.0', '::'];

/** What the listener is reached by: its external name, its address, and localhost where it listens there. */
export function ownNames(config: Configuration): {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
} {
  const { host, loopback } = config.listen.https;
  const everywhere = EVERY_ADDRESS.includes(host);
  const hosts = new Set([bareHost(new URL(config.externalUrl.https.url))]);
  if (!everywhere) hosts.add(host);
  if (loopback || everywhere) for (const local of ['localhost', '127.0.0.1', '::1']) hosts.add(local);
  const all = [...hosts];
  return {
    dns: all.filter((name) => parseIp(name) === undefined),
    ip: all.filter((name) => parseIp(name) !== undefined),
  };
}

export interface OwnCertificateOptions {
  readonly config: Configuration;
  readonly ports: IssuancePorts;
  readonly authority: Authority;
  readonly log: Log;
}

export class OwnCertificate {
  readonly #options: OwnCertificateOptions;
  readonly #choice: IssuerChoice;
  readonly #names: readonly Name[];
  #renewAt = 0;
  #notAfter = 0;
  #generation = '';
  #serial = '';
  /** Serial of the certificate whose revocation was noticed. */
  #replacing = '';
  #credentials: ListenerCredentials | undefined;

  constructor(options: OwnCertificateOptions) {
    this.#options = options;
    this.#choice = requireChoice(listenerIssuer(options.config));
    const { dns, ip } = ownNames(options.config);
    this.#names = [...dns.map((name) => parseName('dns', name)), ...ip.map((name) => parseName('ip', name))];
  }

  get notAfter(): number {
    return this.#notAfter;
  }

  /** The generation that certified it. */
  get generation(): string {
    return this.#generation;
  }

  /** A fresh pair. */
  async issue(): Promise<ListenerCredentials> {
    const { ports } = this.#options;
    const { issuer, profile } = this.#choice;
    const pair = await generateKeyPair('ecdsa-p256');
    const issued = await issue(ports, {
      principal: systemPrincipal('listener'),
      door: { name: 'internal', requestId: 'listener' },
      issuer: issuer.name,
      profile: profile.name,
      proof: { makeHere: () => Promise.resolve(pair.publicKey) },
      names: this.#names,
    });
    if (issued.kind !== 'issued')
      throw new ChanceryError('internal', "the listener's certificate was not issued");
    const { issuedAt, notAfter } = issued.record;
    this.#renewAt = issuedAt + ((notAfter - issuedAt) * 2) / 3;
    this.#notAfter = notAfter;
    this.#generation = issued.generation.id;
    this.#serial = issued.record.serial;
    this.#credentials = {
      key: encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)),
      certificate:
        encodePem('CERTIFICATE', issued.record.der) +
        encodePem('CERTIFICATE', issued.generation.certificate.raw),
      clientCas: this.#clientCas(),
    };
    return this.#credentials;
  }

  /** The same pair with the CAs as they are now: generations came or went. */
  refresh(rotate: (credentials: ListenerCredentials) => void): void {
    if (this.#credentials === undefined) return;
    this.#credentials = { ...this.#credentials, clientCas: this.#clientCas() };
    rotate(this.#credentials);
    const { current } = this.#options.authority.slots(this.#choice.issuer.name);
    // what a superseded generation certified would keep it from retiring
    if (current !== undefined && current.id !== this.#generation) this.#renewAt = 0;
  }

  /** Living generations and roots of the issuers that log in: TLS verifies with these, the store decides. */
  #clientCas(): string[] {
    const { authority } = this.#options;
    const logins = authority.policies().filter(({ authenticates }) => authenticates);
    const generations = logins.flatMap(({ name }) =>
      authority
        .generations(name)
        .filter((generation) => authority.state(generation) !== 'retired')
        .map(({ certificate }) => certificate.raw),
    );
    const roots = [...new Set(logins.map(({ root }) => root))].flatMap((line) =>
      authority.bundle(line).map(({ certificate }) => certificate.raw),
    );
    return [...generations, ...roots].map((der) => encodePem('CERTIFICATE', der));
  }

  /** One that was revoked, or whose generation was, is replaced at once; once asked for, like one that is due. */
  #noticeRevocation(): void {
    const { ports, authority, log } = this.#options;
    if (this.#replacing === this.#serial) return;
    const revoked =
      typeof ports.ledger.findRevocation(this.#serial) === 'number' ||
      typeof authority.generation(this.#generation)?.revokedAt === 'number';
    if (!revoked) return;
    log.warn('the listener’s certificate was revoked: it gets another', { serial: this.#serial });
    this.#replacing = this.#serial;
    this.#renewAt = 0;
  }

  /** Renews when it is time, and tries again a minute later when it could not. */
  async renewWhenDue(rotate: (credentials: ListenerCredentials) => void): Promise<void> {
    const { ports, log } = this.#options;
    const now = ports.clock.now();
    this.#noticeRevocation();
    if (now < this.#renewAt) return;
    // on a busy host a key takes longer than the next call: that one must not begin another
    this.#renewAt = now + MINUTE;
    try {
      rotate(await this.issue());
      log.info('the listener has a new certificate');
    } catch (error) {
      log.error('the listener’s certificate was not renewed', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
