/** newAccount, and what an account's own URL does (RFC 8555 7.3). */
import type { Instant } from '../../base/clock.ts';
import { weaknessOf } from '../issuance/key-strength.ts';
import type { JwsKey } from '../../x509/jws-key.ts';
import { accountPrincipalId, accountStatus, type AcmeAccount, parseContact } from './account.ts';
import { acmeDraft } from './acme-audit.ts';
import { type AcmePorts, type AcmeReply, accountUrl, resourceUrl } from './context.ts';
import { type Binding, externalKeyState, readBinding, type StoredExternalKey } from './external-key.ts';
import { isId, newId } from './ids.ts';
import { orderIsOver } from './orders.ts';
import { AcmeProblem, notFound } from './problem.ts';
import type { AccountChange } from './ports.ts';
import { newAccountFrom, takeRate } from './rate-limit.ts';
import { termsNotAgreed } from './terms.ts';
import {
  accountDeactivated,
  type AccountRequest,
  type AcmeRequest,
  malformed,
  requirePayload,
  requirePostAsGet,
} from './request.ts';

/** The account object (RFC 8555 7.1.2). */
const accountObject = (ports: AcmePorts, account: AcmeAccount): object => ({
  status: accountStatus(account),
  contact: account.contact,
  ...(account.termsAgreedAt !== null && { termsOfServiceAgreed: true }),
  orders: resourceUrl(ports, account.issuer, 'orders', account.id),
});

export async function newAccount(ports: AcmePorts, request: AcmeRequest): Promise<AcmeReply> {
  const { call, key } = request;
  const { directory } = call;
  const payload = requirePayload(request);
  const { store } = ports;
  const there = store.accounts.findByKey(directory.issuer, key.fingerprint);
  if (there !== undefined) return existing(ports, there);
  if (payload['onlyReturnExisting'] === true)
    throw new AcmeProblem('accountDoesNotExist', 'no account of this directory has the key (RFC 8555 7.3.1)');

  refuseWeakKey(ports, key);
  const contact = payload['contact'] === undefined ? [] : parseContact(payload['contact']);
  const agreed = payload['termsOfServiceAgreed'] === true;
  if (directory.terms !== undefined && !agreed) throw termsNotAgreed(directory.terms);
  const now = ports.issuance.clock.now();
  const external = bindExternalKey(ports, request, payload, now);
  await takeRate(ports, [newAccountFrom(call.door.address)]);

  const account: AcmeAccount = {
    id: newId(ports.issuance.random, now),
    issuer: directory.issuer,
    jwk: key.jwk,
    keyFingerprint: key.fingerprint,
    contact,
    termsAgreedAt: agreed ? now : null,
    externalKey: external?.id ?? null,
    createdAt: now,
    deactivatedAt: null,
  };
  const made = await store.accounts.add(account, [
    acmeDraft(
      now,
      { principal: accountPrincipalId(account), door: call.door },
      'acme.account.created',
      'allowed',
      { issuer: account.issuer, key: key.fingerprint, contact, externalKey: account.externalKey },
    ),
  ]);
  if (made === 'spent') throw keyUnusable('was used up meanwhile');
  // somebody else with the same key was quicker
  if (made.id !== account.id) return existing(ports, made);
  // RFC 8555 7.3.4: reflected only where it was verified
  const bound = external !== undefined && { externalAccountBinding: payload['externalAccountBinding'] };
  return {
    status: 201,
    body: { ...accountObject(ports, made), ...bound },
    location: accountUrl(ports, made),
  };
}

function existing(ports: AcmePorts, account: AcmeAccount): AcmeReply {
  if (account.deactivatedAt !== null) throw accountDeactivated();
  return { status: 200, body: accountObject(ports, account), location: accountUrl(ports, account) };
}

/** Throws `badPublicKey` for a key that must not stand for an account. */
export function refuseWeakKey({ issuance }: AcmePorts, { publicKey, fingerprint }: JwsKey): void {
  const weakness = publicKey && weaknessOf(publicKey);
  if (weakness !== undefined) throw new AcmeProblem('badPublicKey', weakness);
  if (issuance.ledger.isKeyBlocked(fingerprint))
    throw new AcmeProblem('badPublicKey', 'the key is on the block list: it was compromised');
}

function bindExternalKey(
  ports: AcmePorts,
  { call, key }: AcmeRequest,
  { externalAccountBinding }: { readonly externalAccountBinding?: unknown },
  now: Instant,
): StoredExternalKey | undefined {
  const { externalKeys, issuer } = call.directory;
  if (externalKeys === 'off') return undefined;
  if (externalAccountBinding === undefined) {
    if (externalKeys === 'optional') return undefined;
    throw new AcmeProblem(
      'externalAccountRequired',
      'accounts of this directory are made with an external account key (RFC 8555 7.3.4)',
    );
  }
  const binding: Binding = readBinding(externalAccountBinding, key, call.url);
  const found = ports.store.externalKeys.find(binding.keyId);
  const secret = found && ports.secrets.open(found.sealed, externalKeyContext(found.id));
  // in the same words for an unknown key and a wrong code
  if (found?.issuer !== issuer || secret === undefined || !binding.verifies(secret))
    throw new AcmeProblem('unauthorized', 'the external account key is not accepted');
  const state = externalKeyState(found, now);
  if (state !== 'usable') throw keyUnusable(state === 'spent' ? 'was used up' : `is ${state}`);
  return found;
}

const keyUnusable = (why: string): AcmeProblem =>
  new AcmeProblem('unauthorized', `the external account key ${why}: ask an operator for a new one`);

/** What a MAC key is sealed for. */
export const externalKeyContext = (id: string): string => `acme external account key ${id}`;

/** POST to an account's URL: read, change, deactivate (RFC 8555 7.3.2, 7.3.6). */
export async function account(ports: AcmePorts, request: AccountRequest): Promise<AcmeReply> {
  const { call, payload } = request;
  if (call.id !== request.account.id) throw notYours();
  if (payload === undefined) return { status: 200, body: accountObject(ports, request.account) };
  const now = ports.issuance.clock.now();
  const actor = { principal: accountPrincipalId(request.account), door: call.door };
  if (payload['status'] !== undefined) {
    if (payload['status'] !== 'deactivated')
      throw malformed('the only status that a client can ask for is deactivated (RFC 8555 7.3.6)');
    const after = await ports.store.accounts.change(request.account.id, { deactivatedAt: now }, [
      acmeDraft(now, actor, 'acme.account.deactivated', 'allowed', { issuer: call.directory.issuer }),
    ]);
    return { status: 200, body: accountObject(ports, after) };
  }
  const change: AccountChange = {
    ...(payload['contact'] !== undefined && { contact: parseContact(payload['contact']) }),
    ...(payload['termsOfServiceAgreed'] === true && { termsAgreedAt: now }),
  };
  // what is not understood is ignored (RFC 8555 7.3.2)
  if (Object.keys(change).length === 0) return { status: 200, body: accountObject(ports, request.account) };
  const after = await ports.store.accounts.change(request.account.id, change, [
    acmeDraft(now, actor, 'acme.account.changed', 'allowed', {
      ...(change.contact !== undefined && { contact: change.contact }),
      ...(change.termsAgreedAt !== undefined && { termsOfServiceAgreed: true }),
    }),
  ]);
  return { status: 200, body: accountObject(ports, after) };
}

const notYours = (): AcmeProblem => notFound('account of yours');

const PAGE = 50;

/** The orders of an account, a page at a time (RFC 8555 7.1.2.1). */
export function accountOrders(ports: AcmePorts, request: AccountRequest): AcmeReply {
  const { account: owner, call } = request;
  requirePostAsGet(request);
  if (call.id !== owner.id || (call.part !== undefined && !isId(call.part))) throw notYours();
  const found = ports.store.orders.list({ account: owner.id }, PAGE + 1, call.part);
  const page = found.slice(0, PAGE);
  const last = found.length > PAGE ? page.at(-1) : undefined;
  return {
    status: 200,
    body: {
      orders: page
        .filter((order) => !orderIsOver(ports, order))
        .map(({ id }) => resourceUrl(ports, owner.issuer, 'order', id)),
    },
    ...(last !== undefined && {
      links: [{ url: resourceUrl(ports, owner.issuer, 'orders', owner.id, last.id), relation: 'next' }],
    }),
  };
}
