import { beforeEach, describe, expect, it } from 'vitest';
import { HOUR } from '../../../src/base/clock.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import type { Principal } from '../../../src/domain/identity/principal.ts';
import type { Token } from '../../../src/domain/identity/token.ts';
import { authenticateToken } from '../../../src/domain/identity/token-login.ts';
import { refusalOfAsync } from '../../support/errors.ts';
import { keyOf } from '../../support/keys.ts';
import { issued, makePipeline, type Pipeline } from '../../support/pipeline.ts';
import { makeRequest } from '../../support/request.ts';

let pipeline: Pipeline;

/** Logs in with a token of so many uses. */
async function tokenHolder(uses: number): Promise<Principal> {
  const now = pipeline.clock.now();
  const token: Token = {
    id: `t${uses}`,
    issuer: 'workload',
    profile: 'workload',
    names: parseNames({ uri: ['spiffe://example.test/app'] }),
    maxTtl: null,
    uses,
    expiresAt: now + HOUR,
    createdBy: 'system:test',
    createdAt: now,
    owner: null,
  };
  await pipeline.ledger.store.tokens.add(token, Buffer.alloc(32, uses), []);
  return authenticateToken(pipeline.ledger.store.tokens.find(token.id), now);
}

beforeEach(async () => {
  pipeline = await makePipeline({ grants: [] });
});

describe('a one-time token', () => {
  it('gets the certificate that it stands for, by no other grant', async () => {
    const principal = await tokenHolder(1);
    const record = issued(await pipeline.issue({ principal, names: undefined }));
    expect(record).toMatchObject({ principal: 'token:t1', rule: 'builtin:token:t1' });
    expect(record.names.map(({ value }) => value)).toEqual(['spiffe://example.test/app']);
  });

  it('used by ten at once gets as many certificates as it has uses, and the log has every signature', async () => {
    const principal = await tokenHolder(3);
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => pipeline.issue({ principal })));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(pipeline.ledger.store.certificates).toHaveLength(3);
    const events = pipeline.ledger.audit.map(({ event }) => event);
    const discarded = events.filter((event) => event === 'certificate.discarded').length;
    expect(pipeline.journal.filter((entry) => entry === 'signed')).toHaveLength(3 + discarded);
    for (const answer of answers)
      if (answer.status === 'rejected') {
        expect(answer.reason).toMatchObject({ code: 'token_spent' });
        expect((answer.reason as Error).message).toContain('the token t3 was');
      }
  });

  it('that is spent signs nothing more', async () => {
    await pipeline.issue({ principal: await tokenHolder(1) });
    pipeline.journal.length = 0;
    const principal = authenticateToken(pipeline.ledger.store.tokens.find('t1'), pipeline.clock.now());
    expect((await refusalOfAsync(() => pipeline.issue({ principal }))).code).toBe('token_spent');
    expect(pipeline.journal).not.toContain('signed');
  });

  it('is not used up by a request that is refused', async () => {
    const principal = await tokenHolder(1);
    const names = parseNames({ uri: ['spiffe://example.test/admin'] });
    expect((await refusalOfAsync(() => pipeline.issue({ principal, names }))).code).toBe('not_granted');
    const csr = makeRequest(await keyOf('ecdsa-p256'), {
      names: [{ kind: 'uri', value: 'spiffe://example.test/admin' }],
    });
    expect(
      (await refusalOfAsync(() => pipeline.issue({ principal, names: undefined, proof: { csr } }))).code,
    ).toBe('names_differ');
    expect((await pipeline.issue({ principal })).kind).toBe('issued');
  });

  it('renews nothing', async () => {
    const principal = await tokenHolder(2);
    const { serial } = issued(await pipeline.issue({ principal }));
    const renews = pipeline.ledger.findCertificate(serial);
    expect((await refusalOfAsync(() => pipeline.issue({ principal, renews, names: undefined }))).code).toBe(
      'not_granted',
    );
  });
});
