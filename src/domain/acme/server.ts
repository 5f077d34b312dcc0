/** The ACME server without HTTP: which resource takes which key, and who answers. One visible table. */
import {
  type AcmeCall,
  type AcmePorts,
  type AcmeReply,
  type DirectoryPolicy,
  resourceUrl,
} from './context.ts';
import { account, accountOrders, newAccount } from './accounts.ts';
import { authorization, challenge } from './authorizations.ts';
import { certificate } from './certificate.ts';
import { finalize } from './finalize.ts';
import { keyChange } from './key-change.ts';
import { newOrder, order } from './orders.ts';
import { notFound } from './problem.ts';
import { renewalInfo } from './renewal-info.ts';
import {
  type AccountRequest,
  type AcmeRequest,
  authenticate,
  type KeyRule,
  requireAccount,
  requirePostAsGet,
} from './request.ts';
import { revokeCertificate } from './revoke.ts';
import { Validations } from './validations.ts';

interface Resource {
  readonly key: KeyRule;
  /** How many parts of the path follow the name of the resource. */
  readonly parts: readonly [least: number, most: number];
  readonly answer: (server: AcmeServer, request: AcmeRequest) => AcmeReply | Promise<AcmeReply>;
}

type Answer = (ports: AcmePorts, request: AccountRequest) => AcmeReply | Promise<AcmeReply>;

const forAccounts = (
  parts: Resource['parts'],
  answer: (server: AcmeServer, request: AccountRequest) => AcmeReply | Promise<AcmeReply>,
): Resource => ({
  key: 'kid',
  parts,
  answer(server, request) {
    requireAccount(request);
    return answer(server, request);
  },
});

const plain = (parts: Resource['parts'], answer: Answer): Resource =>
  forAccounts(parts, ({ ports }, request) => answer(ports, request));

/** Everything that is asked for by POST. */
const RESOURCES: ReadonlyMap<string, Resource> = new Map([
  ['directory', readable((server, { call }) => ({ status: 200, body: server.directory(call.directory) }))],
  ['new-nonce', readable(() => ({ status: 204 }))],
  ['new-account', { key: 'jwk', parts: [0, 0], answer: ({ ports }, request) => newAccount(ports, request) }],
  ['new-order', plain([0, 0], newOrder)],
  ['key-change', plain([0, 0], keyChange)],
  [
    'revoke-cert',
    { key: 'either', parts: [0, 0], answer: ({ ports }, request) => revokeCertificate(ports, request) },
  ],
  ['account', plain([1, 1], account)],
  ['orders', plain([1, 2], accountOrders)],
  ['order', plain([1, 2], orderOrFinalize)],
  ['authz', plain([1, 1], authorization)],
  [
    'challenge',
    forAccounts([2, 2], ({ ports, validations }, request) => challenge(ports, validations, request)),
  ],
  ['certificate', plain([1, 2], certificate)],
] satisfies [string, Resource][]);

/** RFC 8555 6.3: what anybody may GET can be asked for by POST-as-GET, too. */
function readable(answer: Resource['answer']): Resource {
  return forAccounts([0, 0], (server, request) => {
    requirePostAsGet(request);
    return answer(server, request);
  });
}

function orderOrFinalize(ports: AcmePorts, request: AccountRequest): AcmeReply | Promise<AcmeReply> {
  if (request.call.part === undefined) return order(ports, request);
  if (request.call.part === 'finalize') return finalize(ports, request);
  throw notFound('resource');
}

/** Resources that are read without an account (RFC 8555 7.1.1, 7.2; RFC 9773 4). */
export const GET_RESOURCES: ReadonlySet<string> = new Set(['directory', 'new-nonce', 'renewal-info']);
export const isPostResource = (resource: string): boolean => RESOURCES.has(resource);

export class AcmeServer {
  readonly ports: AcmePorts;
  readonly validations: Validations;
  readonly #directories = new Map<string, object>();

  constructor(ports: AcmePorts) {
    this.ports = ports;
    this.validations = new Validations(ports);
  }

  /** A fresh nonce. */
  nonce(): string {
    return this.ports.nonces.issue();
  }

  /** Answers a POST. Rejects with an AcmeProblem, a ChanceryError, or what went wrong inside. */
  async post(call: AcmeCall): Promise<AcmeReply> {
    const resource = RESOURCES.get(call.resource);
    const parts = call.id === undefined ? 0 : call.part === undefined ? 1 : 2;
    if (resource === undefined || parts < resource.parts[0] || parts > resource.parts[1])
      throw notFound('resource');
    return resource.answer(this, authenticate(this.ports, call, resource.key));
  }

  renewalInfo(directory: DirectoryPolicy, id: string | undefined): AcmeReply {
    return renewalInfo(this.ports, directory, id);
  }

  /** RFC 8555 7.1.1, RFC 9773 3, draft-ietf-acme-profiles. */
  directory(policy: DirectoryPolicy): object {
    const known = this.#directories.get(policy.issuer);
    if (known !== undefined) return known;
    const url = (resource: string): string => resourceUrl(this.ports, policy.issuer, resource);
    const made = {
      newNonce: url('new-nonce'),
      newAccount: url('new-account'),
      newOrder: url('new-order'),
      revokeCert: url('revoke-cert'),
      keyChange: url('key-change'),
      renewalInfo: url('renewal-info'),
      meta: {
        ...(policy.terms !== undefined && { termsOfService: policy.terms }),
        ...(policy.website !== undefined && { website: policy.website }),
        ...(policy.caaIdentities.length > 0 && { caaIdentities: policy.caaIdentities }),
        ...(policy.externalKeys === 'required' && { externalAccountRequired: true }),
        profiles: Object.fromEntries(policy.profiles.map((name) => [name, this.#describe(name)])),
      },
    };
    this.#directories.set(policy.issuer, made);
    return made;
  }

  #describe(name: string): string {
    const profile = this.ports.issuance.profiles.get(name);
    return profile === undefined ? name : `extended key usage ${profile.extendedKeyUsage.join(', ')}`;
  }
}
