/** Managed certificates of public CAs: accounts, orders, renewal windows; several CAs in order of preference. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { AuthoritySpec } from '../../api/public-authorities.ts';
import { fetchChain } from '../../acme-client/chain.ts';
import { AuthorityError } from '../../acme-client/errors.ts';
import { runOrder, type Solver } from '../../acme-client/order.ts';
import { renewalCertificateId } from '../../acme-client/renewal-info.ts';
import type { AcmeIdentifier } from '../../acme-client/resources.ts';
import { Transport } from '../../acme-client/transport.ts';
import { Wire } from '../../acme-client/wire.ts';
import { type Clock, HOUR, MINUTE } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { AuditDraft } from '../../domain/audit/entry.ts';
import type { SecretBox } from '../../domain/issuance/ports.ts';
import {
  type CertificateAsk,
  type CertificateSource,
  type Obtained,
  OrderFault,
  type PublicAuthorityStore,
} from '../../domain/renewal/ports.ts';
import { FailureLimit, Resting } from './ca-limits.ts';
import { secretText, solverOf } from './solvers.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { assembleRequest, encodeRequestInfo } from '../../x509/csr.ts';
import { subjectAltName } from '../../x509/extensions.ts';
import { exportPkcs8, generateKeyPair, signWith } from '../../x509/key-pair.ts';
import { EMPTY_NAME } from '../../x509/name.ts';
import { encodePem } from '../../x509/pem.ts';
import { exportSpki, readPublicKey } from '../../x509/public-key.ts';
import { signatureAlgorithmFor } from '../../x509/signature.ts';

export interface PublicSourceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: PublicAuthorityStore;
  readonly box: SecretBox;
  /** `delivery.paths`: a webroot lies in or below one of them. */
  readonly paths: readonly string[];
  readonly userAgent: string;
  readonly draft: (event: AuditDraft['event'], details: AuditDraft['details']) => AuditDraft;
}

/** So often an order that was begun is tried before another CA is asked. */
const TRIES_OF_AN_ORDER = 2;

interface Session {
  readonly spec: AuthoritySpec;
  readonly wire: Wire;
  readonly accountUrl: string;
  readonly solvers: readonly Solver[];
}

export class PublicSource {
  readonly #options: PublicSourceOptions;
  readonly #sessions = new Map<string, { readonly key: string; readonly session: Promise<Session> }>();
  readonly #failures: FailureLimit;
  readonly #resting: Resting;

  constructor(options: PublicSourceOptions) {
    this.#options = options;
    this.#failures = new FailureLimit(options.store, options.clock);
    this.#resting = new Resting(options.clock);
  }

  /** The first CA that gives one. Throws `OrderFault`. */
  async obtain(ask: CertificateAsk): Promise<Obtained> {
    const { source } = ask.managed.wish;
    if (source.kind !== 'public') throw new OrderFault('it is not for a public CA', true);
    const started = ask.progress?.authority;
    // an order that was begun is finished where it was begun
    const begun = started !== undefined && source.authorities.includes(started) ? [started] : [];
    const others = this.#resting.order(source.authorities.filter((name) => name !== begun[0]));
    let last: OrderFault | undefined;
    for (const name of [...begun, ...others]) {
      try {
        const obtained = await this.#obtainFrom(name, ask, source.profile, source.preferredChain);
        this.#resting.answered(name);
        return obtained;
      } catch (error) {
        // who stops asks nobody else
        if (ask.signal.aborted) throw error;
        last = await this.#faultOf(name, ask, error);
        ask.report(`${name}: ${last.message}`);
        const goesOn = name === begun[0] && typeof ask.progress?.orderUrl === 'string' && !last.over;
        if (goesOn && ask.version.attempts < TRIES_OF_AN_ORDER) throw last;
      }
    }
    throw last ?? new OrderFault('no public CA is named', true);
  }

  async #obtainFrom(
    name: string,
    ask: CertificateAsk,
    profile: string | undefined,
    preferredChain: string | undefined,
  ): Promise<Obtained> {
    const { spec, wire, accountUrl, solvers } = await this.#session(name);
    this.#failures.check(name, directoryOf(spec).href, namesOf(ask), spec.limits.failures);
    const identifiers = ask.managed.wish.names.map(({ kind, value }): AcmeIdentifier => {
      if (kind !== 'dns' && kind !== 'ip') throw new OrderFault(`${value} is no name for a public CA`, true);
      return { type: kind, value };
    });
    const key = createPrivateKey({ key: Buffer.from(ask.privateKey), format: 'der', type: 'pkcs8' });
    const publicKey = readPublicKey(exportSpki(createPublicKey(key)));
    const info = encodeRequestInfo({
      subject: EMPTY_NAME,
      spki: publicKey.spki,
      extensions: [
        subjectAltName(
          identifiers.map(({ type, value }) => ({ kind: type, value })),
          false,
        ),
      ],
    });
    const csr = assembleRequest(
      info,
      signatureAlgorithmFor(publicKey.type).identifier,
      signWith({ privateKey: key, publicKey }, info),
    );
    const progress = ask.progress?.authority === name ? ask.progress : null;
    const url = await runOrder({
      wire,
      accountUrl,
      identifiers,
      profile,
      replaces: await this.#replaces(wire, ask.replaces),
      csr,
      solvers,
      record: { intendedAt: progress?.intendedAt ?? null, orderUrl: progress?.orderUrl ?? null },
      save: (record) => ask.save({ authority: name, ...record }),
      report: (message) => ask.report(`${name}: ${message}`),
      clock: this.#options.clock,
      sleep: (length, signal) => wait(length, undefined, { signal }),
      signal: ask.signal,
    });
    const { certificate, chain } = await fetchChain(wire, url, {
      spki: publicKey.spki,
      identifiers,
      preferredChain,
    }).catch((error: unknown) => {
      // the same order would bring the same again
      if (error instanceof AuthorityError && error.fault === 'protocol')
        throw new OrderFault(error.message, true, undefined, error);
      throw error;
    });
    const window = await this.window(name, certificate).catch(() => undefined);
    return {
      certificates: [certificate, ...chain],
      issuedBy: name,
      window: window === undefined ? null : { start: window.start, end: window.end },
    };
  }

  /** Only of this CA, and only where it knows RFC 9773. */
  async #replaces(wire: Wire, before: Bytes | undefined): Promise<string | undefined> {
    if (before === undefined || !(await wire.meta()).renewalInfo) return undefined;
    const id = renewalCertificateId(before);
    return (await wire.renewalInfo(id)) === undefined ? undefined : id;
  }

  window: CertificateSource['window'] = async (issuedBy, leaf) => {
    const { wire } = await this.#session(issuedBy);
    const found = await wire.renewalInfo(renewalCertificateId(leaf));
    if (found === undefined) return undefined;
    const now = this.#options.clock.now();
    // RFC 9773 4.3.2: between a minute and a day
    const askAgainAt = Math.min(Math.max(found.retryAt ?? now + 6 * HOUR, now + MINUTE), now + 24 * HOUR);
    return { start: found.start, end: found.end, askAgainAt };
  };

  async revoke(name: string, leaf: Bytes): Promise<void> {
    const { wire } = await this.#session(name);
    await wire.revoke(leaf, 4);
  }

  /** What the CA says of itself, after a login: `authority test`. */
  async test(name: string): Promise<Awaited<ReturnType<Wire['meta']>> & { readonly accountUrl: string }> {
    try {
      const { wire, accountUrl } = await this.#session(name);
      return { ...(await wire.meta()), accountUrl };
    } catch (error) {
      throw new ChanceryError('authority_unavailable', {
        message:
          error instanceof AuthorityError || error instanceof OrderFault
            ? error.message
            : `${name}: it failed`,
        rule: 'the CA answers, and takes our account',
        fix: 'Look at directory, roots, contact and terms of the public CA.',
      });
    }
  }

  /** A CA that was changed is logged in to anew. */
  forget(name: string): void {
    this.#sessions.delete(name);
  }

  #session(name: string): Promise<Session> {
    const authority = this.#options.store.authorities().find((found) => found.name === name);
    if (authority === undefined)
      return Promise.reject(new OrderFault(`there is no public CA ${name}: apply a PublicAuthority`, false));
    const spec = authority.spec as AuthoritySpec;
    const key = JSON.stringify(spec);
    const known = this.#sessions.get(name);
    if (known?.key === key) return known.session;
    const session = this.#open(spec);
    this.#sessions.set(name, { key, session });
    session.catch(() => {
      if (this.#sessions.get(name)?.session === session) this.#sessions.delete(name);
    });
    return session;
  }

  /** The account key is on record before the CA hears of it: one account per CA, whatever happens between. */
  async #open(spec: AuthoritySpec): Promise<Session> {
    const { clock, store, box, userAgent, draft } = this.#options;
    const directory = directoryOf(spec);
    const context = `account ${directory.href}`;
    let account = store.account(directory.href);
    if (account === undefined) {
      const { privateKey } = await generateKeyPair('ecdsa-p256');
      account = {
        directory: directory.href,
        url: null,
        sealedKey: box.seal(exportPkcs8(privateKey), context),
      };
      await store.putAccount(account, [draft('authority.account.created', { directory: directory.href })]);
    }
    const pkcs8 = box.open(account.sealedKey, context);
    if (pkcs8 === undefined)
      throw new OrderFault(`the account key for ${directory.host} cannot be opened`, false);
    const transport = new Transport({ directory, roots: spec.roots, userAgent });
    const wire = await Wire.open({
      directory,
      transport,
      clock,
      accountKey: encodePem('PRIVATE KEY', pkcs8),
      accountUrl: account.url ?? undefined,
      eab: spec.eab && { kid: spec.eab.kid, hmacKey: await secretText(spec.eab.hmacKey.file) },
    });
    const accountUrl = account.url ?? (await wire.register(spec.contact, spec.termsOfServiceAgreed));
    if (account.url === null)
      await store.putAccount({ ...account, url: accountUrl }, [
        draft('authority.account.registered', { directory: directory.href, accountUrl }),
      ]);
    return {
      spec,
      wire,
      accountUrl,
      solvers: await Promise.all(spec.solvers.map((solver) => solverOf(solver, this.#options))),
    };
  }

  async #faultOf(name: string, ask: CertificateAsk, error: unknown): Promise<OrderFault> {
    if (error instanceof OrderFault) return error;
    if (!(error instanceof AuthorityError))
      return new OrderFault(
        error instanceof Error && 'code' in error ? `${name}: ${String(error.code)}` : `${name}: it failed`,
        false,
        undefined,
        error,
      );
    const { fault, problem } = error;
    if (fault === 'unreachable' || fault === 'limited') this.#resting.failed(name, problem.retryAt);
    if (fault === 'invalid' || problem.type === 'accountDoesNotExist') {
      const { spec } = await this.#session(name);
      const directory = directoryOf(spec).href;
      if (fault === 'invalid') await this.#failures.failed(directory, namesOf(ask));
      else await this.#forgetAccount(name, directory);
    }
    const over = fault === 'invalid' || (fault === 'refused' && problem.type !== 'accountDoesNotExist');
    return new OrderFault(error.message, over, problem.retryAt, error);
  }

  /** RFC 8555 7.3.1: the CA lost it (a test CA that was set up anew does); the same key makes the next one. */
  async #forgetAccount(name: string, directory: string): Promise<void> {
    const account = this.#options.store.account(directory);
    if (account !== undefined) await this.#options.store.putAccount({ ...account, url: null }, []);
    this.forget(name);
  }
}

const directoryOf = (spec: AuthoritySpec): URL =>
  new URL(spec.useStaging && spec.staging !== undefined ? spec.staging : spec.directory);

const namesOf = ({ managed }: CertificateAsk): string[] => managed.wish.names.map(({ value }) => value);
