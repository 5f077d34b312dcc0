/** A set is made what its documents say. All of it is checked before any of it is changed. */
import { isDeepStrictEqual } from 'node:util';
import type { ApplyReport, ApplyRequest } from '../../../api/apply.ts';
import type { AuthoritySpec } from '../../../api/public-authorities.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { authorizeEverywhere } from '../../../domain/identity/authorize.ts';
import type { ManagedCertificate } from '../../../domain/renewal/managed.ts';
import type { PublicAuthority } from '../../../domain/renewal/ports.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';
import { recordingRefusal } from '../recording-refusal.ts';
import { authorizeWish } from './managed-access.ts';
import { putWish, removeWish, requireSet } from './managed-change.ts';
import { putAuthority, refuseWhileUsed, removeAuthority } from './public-authorities.ts';

type Applying = Exchange<ApplyRequest>;
type Document<K> = Extract<ApplyRequest['documents'][number], { kind: K }>;

interface Act {
  readonly change: ApplyReport['changes'][number];
  readonly act: () => Promise<unknown>;
}

/** A set can hold more than one request applies, made by several; so many are pruned at once. */
const MOST_OF_A_SET = 10_000;

export const applyOperations = (ports: AdminPorts) => {
  const { managed } = ports;

  return {
    apply: async (exchange: Applying): Promise<Reply> => {
      const { documents, dryRun } = exchange.body;
      refuseTwice(documents);
      const authorities = documents.filter(
        (one): one is Document<'PublicAuthority'> => one.kind === 'PublicAuthority',
      );
      const wishes = documents.filter(
        (one): one is Document<'ManagedCertificate'> => one.kind === 'ManagedCertificate',
      );
      // CAs before what is ordered there, and away after it
      const acts = await recordingRefusal(ports, exchange, async () => [
        ...authorities.map((document) => authorityAct(exchange, document)),
        ...wishes.map((document) => wishAct(exchange, document, authorities)),
        ...(exchange.body.prune ? await pruneActs(exchange) : []),
      ]);
      if (!dryRun) for (const { change, act } of acts) if (change.action !== 'unchanged') await act();
      const body: ApplyReport = { dryRun, changes: acts.map(({ change }) => change) };
      return { body };
    },
  };

  function authorityAct(exchange: Applying, { kind, name, spec }: Document<'PublicAuthority'>): Act {
    const { set } = exchange.body;
    authorizeEverywhere(ports.grants.of(exchange.principal), exchange.principal, 'admin', ports.trustDomain);
    managed.checkAuthority(name, spec);
    const before = managed.authorities.authorities().find((one) => one.name === name);
    if (before !== undefined) requireSet('public CA', name, before, set);
    return {
      change: { kind, name, ...difference(before && { set: before.set, spec: before.spec }, { set, spec }) },
      act: () => putAuthority(ports, exchange, { name, set, spec }),
    };
  }

  function wishAct(
    exchange: Applying,
    { kind, name, spec }: Document<'ManagedCertificate'>,
    coming: readonly Document<'PublicAuthority'>[],
  ): Act {
    const { principal, body } = exchange;
    const wish = managed.readWish(
      spec,
      coming.map((one) => one.name),
    );
    const before = managed.store.find(name);
    if (before !== undefined) authorizeWish(ports, principal, before.wish);
    const rule = authorizeWish(ports, principal, wish);
    if (before !== undefined) requireSet('managed certificate', name, before, body.set);
    return {
      change: {
        kind,
        name,
        ...difference(before && { set: before.set, spec: before.written }, { set: body.set, spec }),
      },
      act: () => putWish(ports, exchange, { name, set: body.set, spec, wish, before, rule }),
    };
  }

  async function pruneActs(exchange: Applying): Promise<Act[]> {
    const { principal, body } = exchange;
    const stays = new Set(body.documents.map(({ kind, name }) => `${kind} ${name}`));
    const wishes = managed.store
      .list({ set: body.set, limit: MOST_OF_A_SET })
      .filter(({ name }) => !stays.has(`ManagedCertificate ${name}`));
    const authorities = managed.authorities
      .authorities()
      .filter(({ name, set }) => set === body.set && !stays.has(`PublicAuthority ${name}`));
    if (authorities.length > 0)
      authorizeEverywhere(ports.grants.of(principal), principal, 'admin', ports.trustDomain);
    // what the documents change is judged as it will be
    const settled = new Set([...wishes.map(({ name }) => name), ...body.documents.map(({ name }) => name)]);
    for (const { name } of authorities) {
      refuseNamed(name, body.documents);
      await refuseWhileUsed(ports, name, settled);
    }
    return [
      ...wishes.map((one): Act => {
        const rule = authorizeWish(ports, principal, one.wish);
        return deleted('ManagedCertificate', one, () => removeWish(ports, exchange, one, rule));
      }),
      ...authorities.map((one) =>
        deleted('PublicAuthority', one, () => removeAuthority(ports, exchange, one)),
      ),
    ];
  }
};

const deleted = (kind: string, { name }: ManagedCertificate | PublicAuthority, act: Act['act']): Act => ({
  change: { kind, name, action: 'deleted', fields: [] },
  act,
});

interface Stated {
  readonly set: string | null;
  readonly spec: unknown;
}

function difference(
  before: Stated | undefined,
  after: { readonly set: string; readonly spec: Document<'ManagedCertificate'>['spec'] | AuthoritySpec },
): Pick<Act['change'], 'action' | 'fields'> {
  if (before === undefined) return { action: 'created', fields: [] };
  const [old, young] = [before.spec, after.spec] as readonly Readonly<Record<string, unknown>>[];
  const keys = [...new Set([...Object.keys(old ?? {}), ...Object.keys(young ?? {})])];
  const fields = [
    ...(before.set === after.set ? [] : ['set']),
    ...keys.filter((key) => !isDeepStrictEqual(old?.[key], young?.[key])),
  ];
  return { action: fields.length === 0 ? 'unchanged' : 'changed', fields };
}

function refuseNamed(authority: string, documents: ApplyRequest['documents']): void {
  for (const document of documents) {
    if (document.kind !== 'ManagedCertificate' || typeof document.spec.issuer === 'string') continue;
    if (![document.spec.issuer.public].flat().includes(authority)) continue;
    throw new ChanceryError('not_ready', {
      message: `${document.name} is of the public CA ${authority}, which is no longer declared`,
      rule: 'a public CA is removed when nothing is managed with it',
      fix: 'Keep the PublicAuthority among the documents, or name another one.',
    });
  }
}

function refuseTwice(documents: ApplyRequest['documents']): void {
  const seen = new Set<string>();
  for (const { kind, name } of documents) {
    const key = `${kind} ${name}`;
    if (seen.has(key))
      throw new ChanceryError('invalid_request', {
        message: `${key} stands there twice`,
        rule: 'each object once',
        fix: 'Remove one of them.',
      });
    seen.add(key);
  }
}
