/** A whole ACME server on fakes, and clients of it that sign what they are told to. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { HOUR } from '../../src/base/clock.ts';
import type { AcmeCall, AcmePorts, AcmeReply, DirectoryPolicy } from '../../src/domain/acme/context.ts';
import { externalKeyContext } from '../../src/domain/acme/accounts.ts';
import type { StoredExternalKey } from '../../src/domain/acme/external-key.ts';
import { Nonces } from '../../src/domain/acme/nonces.ts';
import type { Revoking } from '../../src/domain/acme/ports.ts';
import type { SecretBox } from '../../src/domain/issuance/ports.ts';
import { AcmeProblem, asProblem } from '../../src/domain/acme/problem.ts';
import { AcmeServer } from '../../src/domain/acme/server.ts';
import type {
  CaaAsk,
  CaaCheck,
  ChallengeProbe,
  ValidationAsk,
  ValidationOutcome,
} from '../../src/domain/acme/validation-port.ts';
import type { GrantSpec } from '../../src/domain/identity/grant.ts';
import type { Name } from '../../src/domain/identity/names.ts';
import type { KeyPair } from '../../src/x509/key-pair.ts';
import type { MemoryStore } from '../fakes/memory-store.ts';
import { SeededRandom } from '../fakes/random.ts';
import { keyOf } from './keys.ts';
import { makePipeline, type Pipeline } from './pipeline.ts';
import { makeRequest } from './request.ts';

export const ACME_URL = 'https://ca.example.test/acme';

export const ACME_GRANT: GrantSpec = {
  name: 'acme-hosts',
  principal: 'acme:**',
  verbs: ['issue', 'renew', 'revoke'],
  issuer: '*',
  profiles: ['server', 'client'],
  dns: ['**.example.test', 'example.test'],
  ip: ['192.0.2.0/24'],
  maxTtl: '90d',
};

export type Algorithm = 'ES256' | 'ES384' | 'ES512' | 'EdDSA' | 'RS256';

const GENERATE: Readonly<Record<Algorithm, () => { privateKey: KeyObject; publicKey: KeyObject }>> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
const DIGEST = { ES256: 'sha256', ES384: 'sha384', ES512: 'sha512', EdDSA: null, RS256: 'sha256' } as const;

export interface AccountKey {
  readonly alg: Algorithm;
  readonly privateKey: KeyObject;
  readonly jwk: Readonly<Record<string, unknown>>;
}

export function accountKey(alg: Algorithm = 'ES256'): AccountKey {
  const { privateKey, publicKey } = GENERATE[alg]();
  return { alg, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }) } };
}

/** The private half of a certificate's key, as an account key would be used. */
export const asAccountKey = ({ privateKey, publicKey }: KeyPair): AccountKey => ({
  alg: 'ES256',
  privateKey,
  jwk: { ...publicKey.keyObject.export({ format: 'jwk' }) },
});

export const b64 = (value: string | Uint8Array): string => Buffer.from(value).toString('base64url');
export const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** A JWS over header and payload as they are given. */
export function signed(
  { alg, privateKey }: Pick<AccountKey, 'alg' | 'privateKey'>,
  header: unknown,
  payload: unknown,
): { protected: string; payload: string; signature: string } {
  const parts = [b64(text(header)), payload === undefined ? '' : b64(text(payload))] as const;
  const signature = sign(DIGEST[alg], Buffer.from(parts.join('.')), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return { protected: parts[0], payload: parts[1], signature: b64(signature) };
}

/** Says yes to everything, or what a test wants. */
export class FakeProbe implements ChallengeProbe, CaaCheck {
  readonly asked: ValidationAsk[] = [];
  /** Outcomes in order; the last one stays. */
  outcomes: ValidationOutcome[] = [{ ok: true, address: '192.0.2.7:80', log: [] }];
  readonly askedCaa: CaaAsk[] = [];
  caa: ValidationOutcome = { ok: true, log: [] };
  /** While set, probes wait for it. */
  hold: Promise<void> | undefined;

  async check(ask: CaaAsk): Promise<ValidationOutcome> {
    this.askedCaa.push(ask);
    await this.hold;
    return this.caa;
  }

  async validate(ask: ValidationAsk, signal: AbortSignal): Promise<ValidationOutcome> {
    this.asked.push(ask);
    await this.hold;
    signal.throwIfAborted();
    const [outcome] = this.outcomes;
    if (outcome === undefined) throw new Error('no outcome');
    if (this.outcomes.length > 1) this.outcomes.shift();
    return outcome;
  }
}

export const failure = (retry: boolean): ValidationOutcome => ({
  ok: false,
  problem: { type: 'connection', detail: 'nobody listens' },
  log: [{ after: 3, kind: 'connect', target: '192.0.2.7:80', result: 'refused' }],
  retry,
});

/** Not a cipher: tests look for what was sealed where. */
const plainBox: SecretBox = {
  seal: (secret, context) => Buffer.from(JSON.stringify([Buffer.from(secret).toString('hex'), context])),
  open(sealed, context) {
    const [secret, own] = JSON.parse(Buffer.from(sealed).toString()) as [string, string];
    return own === context ? Buffer.from(secret, 'hex') : undefined;
  },
};

export interface TestAcme {
  readonly pipeline: Pipeline;
  readonly store: MemoryStore;
  readonly server: AcmeServer;
  readonly ports: AcmePorts;
  readonly probe: FakeProbe;
  /** What was revoked. */
  readonly revoked: { readonly serial: string; readonly reason: number; readonly by: Revoking }[];
  /** Pauses that validations made. */
  readonly waited: number[];
  readonly client: (key?: AccountKey, issuer?: string) => TestClient;
  readonly addExternalKey: (
    fields?: Partial<StoredExternalKey>,
  ) => Promise<{ kid: string; macKey: Uint8Array }>;
}

export interface AcmeOptions {
  readonly grants?: readonly GrantSpec[];
  readonly directory?: Partial<DirectoryPolicy>;
  readonly limits?: AcmePorts['limits'];
}

export async function makeAcme(options: AcmeOptions = {}): Promise<TestAcme> {
  const pipeline = await makePipeline({ grants: options.grants ?? [ACME_GRANT] });
  const { store } = pipeline.ledger;
  const probe = new FakeProbe();
  const revoked: TestAcme['revoked'][number][] = [];
  const waited: number[] = [];
  const policy = (issuer: string, profile: string): [string, DirectoryPolicy] => [
    issuer,
    { issuer, profiles: [profile], externalKeys: 'optional', caaIdentities: [], ...options.directory },
  ];
  const ports: AcmePorts = {
    issuance: pipeline.ports,
    store: store.acme,
    nonces: new Nonces(new SeededRandom('nonces')),
    probe,
    caa: probe,
    secrets: plainBox,
    revoker: {
      async revoke(serial, reason, by) {
        if (store.ledger.findRevocation(serial) !== null && reason !== 1) return 'already';
        revoked.push({ serial, reason, by });
        store.revoke(serial, pipeline.clock.now(), reason);
        return 'revoked';
      },
    },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    wait: async (duration) => void waited.push(duration),
    directories: new Map([policy('servers', 'server'), policy('clients', 'client')]),
    url: ACME_URL,
    chain(id) {
      const authority = [...pipeline.authorities.values()].find(({ generation }) => generation.id === id);
      return authority && { issuer: authority.generation.certificate.raw, root: authority.root };
    },
    limits: options.limits,
  };
  const server = new AcmeServer(ports);
  const acme: TestAcme = {
    pipeline,
    store,
    server,
    ports,
    probe,
    revoked,
    waited,
    client: (key = accountKey(), issuer = 'servers') => new TestClient(acme, key, issuer),
    async addExternalKey(fields = {}) {
      const kid = fields.id ?? 'kid-1';
      const macKey = Buffer.alloc(32, kid);
      await store.acme.externalKeys.add(
        {
          id: kid,
          issuer: 'servers',
          name: 'web',
          names: null,
          preauthorized: null,
          profile: null,
          expiresAt: pipeline.clock.now() + HOUR,
          uses: null,
          createdBy: 'operator',
          createdAt: pipeline.clock.now(),
          used: 0,
          revokedAt: null,
          sealed: plainBox.seal(macKey, externalKeyContext(kid)),
          ...fields,
        },
        [],
      );
      return { kid, macKey };
    },
  };
  return acme;
}

export interface PostOptions {
  /** Laid over the protected header; `undefined` takes a member away. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** The whole body instead. */
  readonly body?: string;
  readonly issuer?: string;
  readonly key?: AccountKey;
}

type Reply = AcmeReply & { readonly json: Record<string, unknown> };

export class TestClient {
  readonly acme: TestAcme;
  key: AccountKey;
  readonly issuer: string;
  kid: string | undefined;
  /** Where it connects from. */
  address = '192.0.2.1';

  constructor(acme: TestAcme, key: AccountKey, issuer: string) {
    this.acme = acme;
    this.key = key;
    this.issuer = issuer;
  }

  url(...path: string[]): string {
    return [ACME_URL, this.issuer, ...path].join('/');
  }

  /** `path` is that of a URL below the directory, or a whole URL. */
  async post(path: string, payload?: unknown, options: PostOptions = {}): Promise<Reply> {
    const url = path.startsWith('https:') ? path : this.url(path);
    const [issuer = '', resource = '', id, part] = url.slice(ACME_URL.length + 1).split('/');
    const { server, ports } = this.acme;
    const key = options.key ?? this.key;
    const header = {
      alg: key.alg,
      nonce: server.nonce(),
      url,
      ...(this.kid === undefined ? { jwk: key.jwk } : { kid: this.kid }),
      ...options.header,
    };
    const directory = ports.directories.get(options.issuer ?? issuer);
    if (directory === undefined) throw new Error(`no directory ${issuer}`);
    const call: AcmeCall = {
      directory,
      resource,
      id,
      part,
      url,
      body: options.body ?? JSON.stringify(signed(key, header, payload)),
      door: { name: 'acme', requestId: 'request-1', address: this.address },
    };
    const reply = await server.post(call);
    return { ...reply, json: typeof reply.body === 'object' ? (reply.body as Record<string, unknown>) : {} };
  }

  async register(payload: object = {}): Promise<Reply> {
    const reply = await this.post('new-account', payload);
    this.kid = reply.location;
    return reply;
  }

  /** An order for DNS names. */
  async order(names: readonly string[], more: object = {}): Promise<TestOrder> {
    const identifiers = names.map((value) => ({
      type: /^[\d.]+$|:/.test(value) ? 'ip' : 'dns',
      value,
    }));
    const reply = await this.post('new-order', { identifiers, ...more });
    return {
      url: reply.location ?? '',
      reply,
      authorizations: reply.json['authorizations'] as string[],
      finalize: reply.json['finalize'] as string,
    };
  }

  /** Shows control of everything that the order asks for. */
  async authorize({ authorizations }: TestOrder, type?: string): Promise<void> {
    for (const url of authorizations) {
      const { json } = await this.post(url);
      if (json['status'] !== 'pending') continue;
      const challenges = json['challenges'] as { type: string; url: string }[];
      const challenge = challenges.find((one) => type === undefined || one.type === type);
      await this.post(challenge?.url ?? '', {});
    }
    await this.acme.server.validations.idle();
  }

  async finalize(order: TestOrder, csr: Uint8Array): Promise<Reply> {
    return this.post(order.finalize, { csr: b64(csr) });
  }

  /** From order to certificate; says its URL and serial. */
  async obtain(
    names: readonly string[],
    more: object = {},
  ): Promise<{ url: string; serial: string; der: Uint8Array }> {
    const order = await this.order(names, more);
    await this.authorize(order);
    const { json } = await this.finalize(order, await csrFor(names));
    const url = json['certificate'] as string;
    const serial = url.slice(url.lastIndexOf('/') + 1);
    const der = this.acme.store.ledger.findCertificate(serial)?.der;
    if (der === undefined) throw new Error('it is not on record');
    return { url, serial, der };
  }
}

export interface TestOrder {
  readonly url: string;
  readonly reply: Reply;
  readonly authorizations: readonly string[];
  readonly finalize: string;
}

export const namesOf = (names: readonly string[]): Name[] =>
  names.map((value) => ({ kind: /^[\d.]+$|:/.test(value) ? 'ip' : 'dns', value }));

export async function csrFor(names: readonly string[], label = 'leaf'): Promise<Uint8Array> {
  return makeRequest(await keyOf('ecdsa-p256', label), { names: namesOf(names) });
}

/** The problem that it is refused with; anything else fails the test. */
export async function problemOf(action: Promise<unknown>): Promise<AcmeProblem> {
  try {
    await action;
  } catch (error) {
    const problem = asProblem(error);
    if (problem.type === 'serverInternal' && problem.status === 500) throw error;
    return problem;
  }
  throw new Error('it was not refused');
}

/** `type status` of the refusal. */
export async function refusedAs(action: Promise<unknown>): Promise<string> {
  const { type, status } = await problemOf(action);
  return `${type} ${status}`;
}

export interface BindingOptions {
  readonly alg?: string;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly jwk?: unknown;
  readonly digest?: string;
}

/** `externalAccountBinding` for an account key. */
export function binding(
  kid: string,
  macKey: Uint8Array,
  key: AccountKey,
  { alg = 'HS256', header = {}, jwk = key.jwk, digest }: BindingOptions = {},
): object {
  const parts = [
    b64(JSON.stringify({ alg, kid, url: `${ACME_URL}/servers/new-account`, ...header })),
    b64(JSON.stringify(jwk)),
  ];
  const mac = createHmac(digest ?? `sha${alg.slice(2)}`, macKey)
    .update(parts.join('.'))
    .digest();
  return { protected: parts[0], payload: parts[1], signature: b64(mac) };
}
