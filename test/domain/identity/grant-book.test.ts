import { describe, expect, it } from 'vitest';
import { ChanceryError } from '../../../src/base/errors.ts';
import type { AuditDraft } from '../../../src/domain/audit/entry.ts';
import { builtinGrant, type Grant, type GrantSpec, parseGrant } from '../../../src/domain/identity/grant.ts';
import { GrantBook } from '../../../src/domain/identity/grant-book.ts';
import type { GrantStore, StoredGrant } from '../../../src/domain/identity/ports.ts';
import { TRUST_DOMAIN } from '../../support/authority.ts';
import { refusalOf, refusalOfAsync } from '../../support/errors.ts';

class MemoryGrantStore implements GrantStore {
  readonly kept = new Map<string, StoredGrant>();
  readonly audit: AuditDraft[] = [];
  failWith: ChanceryError | undefined;
  list = (): readonly StoredGrant[] => [...this.kept.values()];
  add(grant: StoredGrant, audit: readonly AuditDraft[]): Promise<void> {
    if (this.failWith !== undefined) return Promise.reject(this.failWith);
    this.kept.set(grant.name, grant);
    this.audit.push(...audit);
    return Promise.resolve();
  }
  replace(grant: StoredGrant, audit: readonly AuditDraft[]): Promise<void> {
    return this.add(grant, audit);
  }
  remove(name: string, audit: readonly AuditDraft[]): Promise<void> {
    this.kept.delete(name);
    this.audit.push(...audit);
    return Promise.resolve();
  }
}

const spec: GrantSpec = {
  principal: 'acme:**',
  verbs: ['issue'],
  issuer: '*',
  profiles: ['*'],
  dns: ['a.test'],
};
const entry = { event: 'grant.created' } as AuditDraft;
const stored = (name: string): StoredGrant => ({
  name,
  spec: { ...spec, name },
  createdBy: 'x',
  createdAt: 0,
});
const fixed: readonly Grant[] = [
  builtinGrant('admin', 'system:x', { ...spec }),
  parseGrant({ ...spec, name: 'from-file' }, 'file', 'grant-1', TRUST_DOMAIN),
];

function open(): { book: GrantBook; store: MemoryGrantStore } {
  const store = new MemoryGrantStore();
  store.kept.set('early', stored('early'));
  return { book: new GrantBook(fixed, store, TRUST_DOMAIN), store };
}

describe('the book of grants', () => {
  it('holds what is built in, what the file declares and what was made, in this order', () => {
    expect(
      open()
        .book.all()
        .map(({ name, source }) => [name, source]),
    ).toEqual([
      ['builtin:admin', 'builtin'],
      ['from-file', 'file'],
      ['early', 'api'],
    ]);
  });

  it('a new grant decides at once, and is audited with the change', async () => {
    const { book, store } = open();
    await book.add(stored('late'), [entry]);
    expect(book.find('late').stored?.createdBy).toBe('x');
    expect(store.audit).toEqual([entry]);
  });

  it('a grant that was not recorded does not decide', async () => {
    const { book, store } = open();
    store.failWith = new ChanceryError('store_unavailable', 'no');
    await refusalOfAsync(() => book.add(stored('late'), []));
    expect(refusalOf(() => book.find('late')).code).toBe('not_found');
  });

  it.each(['early', 'from-file', 'builtin:admin'])('the name %s is taken', async (name) => {
    const { book } = open();
    expect((await refusalOfAsync(() => book.add(stored(name), []))).code).toBe('already_exists');
  });

  it('a removed grant decides no more', async () => {
    const { book } = open();
    await book.remove('early', []);
    expect(book.all()).toHaveLength(2);
  });

  it('a replaced grant decides as it is now', async () => {
    const { book, store } = open();
    await book.replace({ ...stored('early'), spec: { ...spec, name: 'early', verbs: ['renew'] } }, [entry]);
    expect([...book.find('early').grant.verbs]).toEqual(['renew']);
    expect(store.audit).toEqual([entry]);
  });

  it('changes come one after another, also after one that failed', async () => {
    const { book } = open();
    const steps: string[] = [];
    const change = (name: string) => async (): Promise<void> => {
      steps.push(`${name} begins`);
      await Promise.resolve();
      steps.push(`${name} ends`);
      if (name === 'a') throw new Error(name);
    };
    const results = await Promise.allSettled(['a', 'b'].map((name) => book.inTurn(change(name))));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it.each([
    ['from-file', 'read_only'],
    ['builtin:admin', 'read_only'],
    ['nothing', 'not_found'],
    ['__proto__', 'not_found'],
  ])('%s is neither removed nor replaced: %s', async (name, code) => {
    const { book } = open();
    expect((await refusalOfAsync(() => book.replace(stored(name), []))).code).toBe(code);
    expect((await refusalOfAsync(() => book.remove(name, []))).code).toBe(code);
    expect(book.all()).toHaveLength(3);
  });
});
