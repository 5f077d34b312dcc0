/** A log that was restored: it goes on in a segment, and whoever holds a head of the lost part learns of it. */
import { expect, test } from 'vitest';
import { MINUTE, SECOND } from '../../../src/base/clock.ts';
import { PreparedHead } from '../../../src/domain/audit/heads.ts';
import { segmentDraft } from '../../../src/domain/audit/segment.ts';
import type { MemoryAuditLog } from '../../fakes/audit-log.ts';
import { draft, exportOf, makeLog, NOON, SIGNER, toFile, verify } from './audit-fixtures.ts';

const RESTORED = NOON + 30 * MINUTE;

/** What a backup of 20 entries became, with `more` entries of its own. */
function restoredLog(more: number): MemoryAuditLog {
  const log = makeLog(20);
  const after = log.last();
  if (after === undefined) throw new Error('empty');
  log.append(
    segmentDraft({
      ...{ principal: 'local:uid:0', door: 'local', requestId: 'server-restore' },
      ...{ after, lastHead: log.lastHead(), now: RESTORED },
    }),
  );
  for (let n = 0; n < more; n += 1) log.append({ ...draft(n + 100), time: RESTORED + n * SECOND });
  return log;
}

const headOf = (log: MemoryAuditLog, now: number) => {
  const end = log.last();
  if (end === undefined) throw new Error('empty');
  return SIGNER.sign(PreparedHead.of(end, log.lastHead(), now));
};

test('is good, and the gap is named', () => {
  const report = verify(toFile(exportOf(restoredLog(5))));
  expect(report).toMatchObject({
    verdict: 'good',
    entries: 26,
    segments: [{ sequence: 21, time: '2026-06-01T12:30:00Z' }],
  });
  expect(report.notes.join('\n')).toContain('restored at entry 21 (2026-06-01T12:30:00Z)');
});

test('says which entry and which head it goes on from', () => {
  const log = restoredLog(0);
  const { body } = log.entries(21, 1)[0] ?? { body: '{}' };
  expect(JSON.parse(body)).toMatchObject({
    event: 'log.segment.opened',
    details: { after: { sequence: 20, hash: log.entries(20, 1)[0]?.hash }, lastHead: { sequence: 18 } },
  });
});

test.each([
  ['that the restored log reaches', 10],
  ['beyond its end', 2],
])('a head of the lost part %s does not verify, and it is said why', (_what, more) => {
  const witness = headOf(makeLog(26), NOON + 20 * MINUTE);
  const report = verify(toFile(exportOf(restoredLog(more))), witness);
  expect(report.verdict).toBe('broken');
  expect(['replaced', 'cut']).toContain(report.bad?.fault);
  expect(report.bad?.message).toContain('lost when the log was restored at entry 21');
});

test('a head from before the backup and one from after the restore verify', () => {
  const log = restoredLog(10);
  for (const witness of [headOf(makeLog(19), NOON + MINUTE), headOf(log, RESTORED + MINUTE)])
    expect(verify(toFile(exportOf(log)), witness)).toMatchObject({
      verdict: 'good',
      witness: { found: true },
    });
});

test('a segment that was taken out breaks the chain', () => {
  const lines = exportOf(restoredLog(5));
  const at = lines.findIndex((line) => line.includes('log.segment.opened'));
  expect(verify(toFile(lines.toSpliced(at, 1)))).toMatchObject({
    verdict: 'broken',
    bad: { sequence: 21, fault: 'order' },
  });
});
