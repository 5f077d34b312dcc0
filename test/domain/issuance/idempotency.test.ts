import { describe, expect, it } from 'vitest';
import { issued, makePipeline } from '../../support/pipeline.ts';

describe('an Idempotency-Key is claimed with the record', () => {
  const claim = { key: 'k1', requestHash: 'aa' };

  it('ten requests at once issue one certificate, and all learn its serial', async () => {
    const pipeline = await makePipeline();
    const answers = await Promise.all(Array.from({ length: 10 }, () => pipeline.issue({ claim })));
    const winners = answers.filter(({ kind }) => kind === 'issued').map(issued);
    expect(winners).toHaveLength(1);
    expect(pipeline.ledger.store.certificates.length).toBe(1);
    for (const answer of answers)
      if (answer.kind === 'claimed')
        expect(answer).toEqual({ kind: 'claimed', serial: winners[0]?.serial, requestHash: 'aa' });
  });

  it('what the losers signed is in the audit log as discarded', async () => {
    const pipeline = await makePipeline();
    await Promise.all([pipeline.issue({ claim }), pipeline.issue({ claim })]);
    const uses = pipeline.journal.filter((entry) => entry === 'signed').length;
    const events = pipeline.ledger.audit.map(({ event }) => event);
    expect(uses).toBe(2);
    expect(events.toSorted()).toEqual(['certificate.discarded', 'certificate.issued']);
  });

  it('keys of different principals do not meet', async () => {
    const pipeline = await makePipeline();
    await pipeline.issue({ claim });
    expect(pipeline.ledger.findClaim('mtls:clients:dns:other.example.test', 'k1')).toBeUndefined();
  });
});
