import { MINUTE, SECOND } from '../../../src/base/clock.ts';
import type { AuditDraft } from '../../../src/domain/audit/entry.ts';
import { exportLines } from '../../../src/domain/audit/export.ts';
import type { AuditHead } from '../../../src/domain/audit/head.ts';
import { PreparedHead } from '../../../src/domain/audit/heads.ts';
import { openingDraft } from '../../../src/domain/audit/opening.ts';
import type { AuditReport } from '../../../src/domain/audit/report.ts';
import { AuditVerifier } from '../../../src/domain/audit/verify.ts';
import { fromUtf8, type Bytes } from '../../../src/x509/bytes.ts';
import { generateKeyPair, type KeyPair } from '../../../src/x509/key-pair.ts';
import { headSigner, MemoryAuditLog } from '../../fakes/audit-log.ts';

export const NOON = Date.UTC(2026, 5, 1, 12);
export const AUDIT_KEY: KeyPair = await generateKeyPair('ed25519');
export const SIGNER = headSigner(AUDIT_KEY);

export const draft = (n: number): AuditDraft => ({
  time: NOON + n * SECOND,
  event: n % 7 === 0 ? 'certificate.refused' : 'certificate.issued',
  outcome: n % 7 === 0 ? 'refused' : 'allowed',
  principal: `mtls:clients:spiffe://example.test/ops/änn-${n % 5}`,
  door: 'rest',
  requestId: `r-${n}`,
  address: '127.0.0.1',
  details: {
    serial: n.toString(16).padStart(32, '0'),
    names: [`uri:spiffe://example.test/app/${n}`],
    odd: '\u{fffd}\n"',
  },
});

/** A log of `length` entries with a stored head after each `every`. */
export function makeLog(length: number, every = 9): MemoryAuditLog {
  const [log] = [...growingLog(length, every)].slice(-1);
  return log ?? new MemoryAuditLog();
}

/** The same log after each entry. */
export function* growingLog(length: number, every: number): Generator<MemoryAuditLog> {
  const log = new MemoryAuditLog();
  for (let n = 1; n <= length; n++) {
    log.append(n === 1 ? openingDraft('example.test', SIGNER.keyId, NOON) : draft(n));
    if (n % every === 0) log.seal(SIGNER, NOON + n * SECOND);
    yield log;
  }
}

export function closingHead(log: MemoryAuditLog): AuditHead {
  const end = log.last();
  if (end === undefined) throw new Error('nothing to export');
  return SIGNER.sign(PreparedHead.of(end, log.lastHead(), NOON + 60 * MINUTE));
}

export const exportOf = (log: MemoryAuditLog): string[] => [
  ...exportLines(log, 'example.test', closingHead(log)),
];

export const toFile = (lines: readonly string[]): Bytes =>
  fromUtf8(lines.map((line) => `${line}\n`).join(''));

/** What the verifier says about the octets of a file. */
export function verify(file: Bytes, witness?: AuditHead, key = AUDIT_KEY.publicKey): AuditReport {
  const verifier = new AuditVerifier(key, witness);
  let start = 0;
  for (let end = file.indexOf(0x0a); end !== -1; end = file.indexOf(0x0a, start)) {
    verifier.push(file.subarray(start, end));
    start = end + 1;
  }
  return verifier.finish(file.subarray(start));
}
