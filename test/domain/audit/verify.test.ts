import { describe, expect, it } from 'vitest';
import { EMPTY_CHAIN, link } from '../../../src/domain/audit/chain.ts';
import { entryLine, exportLines, headerLine, headLine } from '../../../src/domain/audit/export.ts';
import { PreparedHead } from '../../../src/domain/audit/heads.ts';
import { fromUtf8 } from '../../../src/x509/bytes.ts';
import { generateKeyPair } from '../../../src/x509/key-pair.ts';
import { headSigner, MemoryAuditLog } from '../../fakes/audit-log.ts';
import { closingHead, draft, exportOf, makeLog, NOON, SIGNER, toFile, verify } from './audit-fixtures.ts';

const HEADER = {
  form: 'export',
  trustDomain: 'example.test',
  key: SIGNER.keyId,
  after: EMPTY_CHAIN,
} as const;

describe('an export', () => {
  it('carries each body unchanged, and ends with the head that was made for it', () => {
    const log = makeLog(10, 5);
    const lines = exportOf(log);
    const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types.join(' ')).toBe(
      'chancery-audit entry entry entry entry entry head entry entry entry entry entry head',
    );
    const bodies = lines
      .filter((line) => line.startsWith('{"type":"entry"'))
      .map((line) => line.slice(97, -1));
    expect(bodies).toEqual(log.entries(1, 10).map(({ body }) => body));
  });

  it('stops at the entry that its last head signs, though the log grows meanwhile', () => {
    const log = makeLog(1200, 100);
    const closing = closingHead(log);
    const lines: string[] = [];
    for (const line of exportLines(log, 'example.test', closing)) {
      lines.push(line);
      if (lines.length === 600) for (let n = 0; n < 50; n++) log.append(draft(n));
    }
    expect(verify(toFile(lines))).toMatchObject({
      verdict: 'good',
      entries: 1200,
      lastHead: { sequence: 1200 },
    });
  });

  it('of a log with one entry is good', () => {
    expect(verify(toFile(exportOf(makeLog(1))))).toMatchObject({ verdict: 'good', entries: 1, first: 1 });
  });
});

describe('the verifier', () => {
  it('agrees with a head that was kept elsewhere, wherever it signs', () => {
    const log = makeLog(30, 9);
    for (const witness of [...log.heads(1, 10), closingHead(log)])
      expect(verify(toFile(exportOf(log)), witness)).toMatchObject({
        verdict: 'good',
        witness: { sequence: witness.sequence, found: true },
        notes: [],
      });
  });

  it('sees a log that was written anew by somebody with the audit key', () => {
    const kept = makeLog(30, 9).heads(18, 1)[0];
    const anew = makeLog(17, 9);
    for (let n = 0; n < 20; n++) anew.append(draft(1000 + n));
    expect(verify(toFile(exportOf(anew))).verdict).toBe('good');
    expect(verify(toFile(exportOf(anew)), kept).bad).toMatchObject({
      fault: 'replaced',
      sequence: 18,
      line: 20,
    });
  });

  it('sees one kind of broken UTF-8 become another', () => {
    const log = new MemoryAuditLog();
    log.append({ ...draft(1), details: { text: '\u{fffd}' } });
    const file = Buffer.from(toFile(exportOf(log)));
    const at = file.indexOf('\u{fffd}');
    file[at] = 0xf0; // a truncated sequence decodes to U+FFFD again
    expect(file.toString('utf8')).toContain('\u{fffd}');
    expect(verify(file).bad).toMatchObject({ fault: 'malformed', line: 2 });
  });

  it('names the audit key that a log was signed with, if it is another one', async () => {
    const other = await generateKeyPair('ed25519');
    expect(verify(toFile(exportOf(makeLog(3))), undefined, other.publicKey).bad).toMatchObject({
      fault: 'key',
      line: 1,
      message: expect.stringContaining(SIGNER.keyId) as string,
    });
  });

  it('refuses a head that another key signed under the name of ours', async () => {
    const other = headSigner(await generateKeyPair('ed25519'));
    const lines = exportOf(makeLog(3));
    const forged = other.sign(PreparedHead.of(makeLog(3).last() ?? EMPTY_CHAIN, undefined, NOON));
    lines[4] = headLine({ ...forged, keyId: SIGNER.keyId }, EMPTY_CHAIN);
    expect(verify(toFile(lines)).bad).toMatchObject({ fault: 'signature', line: 5, sequence: 3 });
  });

  it('binds the header to the trust domain that the first entry names', () => {
    const lines = exportOf(makeLog(3));
    lines[0] = headerLine({ ...HEADER, trustDomain: 'other.test' });
    expect(verify(toFile(lines)).bad).toMatchObject({ fault: 'changed', line: 1 });
  });

  it('refuses an export that begins in the middle', () => {
    const log = makeLog(9);
    const after = { sequence: 3, hash: log.entries(3, 1)[0]?.hash ?? '' };
    const lines = [headerLine({ ...HEADER, after }), ...exportOf(log).slice(4)];
    expect(verify(toFile(lines)).bad).toMatchObject({ fault: 'order', line: 1 });
    const copy = [headerLine({ ...HEADER, form: 'copy', after }), ...exportOf(log).slice(4)];
    expect(verify(toFile(copy))).toMatchObject({ verdict: 'good', first: 4, entries: 6 });
  });

  it('takes no second head for one entry', () => {
    const lines = exportOf(makeLog(3));
    const head = closingHead(makeLog(3));
    lines.push(headLine(head, head));
    expect(verify(toFile(lines)).bad).toMatchObject({ fault: 'head', line: 6 });
  });

  it.each([
    ['is empty', '', 1],
    ['is only a header', `${headerLine(HEADER)}\n`, 2],
    ['has no line feed', headerLine(HEADER), 1],
    ['is not JSON', 'hello\n', 1],
    ['has a header of another version', `${headerLine(HEADER).replace('"version":1', '"version":2')}\n`, 1],
    ['has white space in its header', `${headerLine(HEADER).replace(',', ', ')}\n`, 1],
    ['has an empty line', `${headerLine(HEADER)}\n\n`, 2],
    ['has an array for an entry', `${headerLine(HEADER)}\n[]\n`, 2],
    [
      'has a body without sequence number',
      `${headerLine(HEADER)}\n${entryLine({ hash: SIGNER.keyId, body: '{}' })}\n`,
      2,
    ],
    [
      'has a body that is no object',
      `${headerLine(HEADER)}\n${entryLine({ hash: SIGNER.keyId, body: '1' })}\n`,
      2,
    ],
    ['has CR LF', `${headerLine(HEADER)}\r\n`, 1],
    ['has a byte order mark', `\u{feff}${headerLine(HEADER)}\n`, 1],
  ])('names line %# of a file that %s', (_, text, line) => {
    expect(verify(fromUtf8(text))).toMatchObject({
      verdict: 'broken',
      bad: { line },
      lastHead: null,
      entries: 0,
    });
  });

  it('says up to where the log is vouched for before the first bad record', () => {
    const lines = exportOf(makeLog(30, 9));
    lines[25] = entryLine(link({ sequence: 22, hash: '00'.repeat(32) }, draft(23)));
    const report = verify(toFile(lines));
    expect(report).toMatchObject({
      verdict: 'broken',
      lastHead: { sequence: 18 },
      last: { sequence: 22 },
      uncovered: 4,
    });
    expect(report.bad).toMatchObject({ line: 26, sequence: 23, fault: 'changed' });
  });
});
