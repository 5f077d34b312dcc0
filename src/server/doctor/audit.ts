/** The newest part of the audit log is chained and signed, and its copies find their places. */
import { constants, readFileSync } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatInstant } from '../../base/clock.ts';
import { GENESIS, linkHash } from '../../domain/audit/chain.ts';
import type { AuditEntry } from '../../domain/audit/entry.ts';
import { verifyHead } from '../../domain/audit/heads.ts';
import type { StoreRecords } from '../../db/sqlite/view.ts';
import { decodePemOne } from '../../x509/pem.ts';
import { readPublicKey } from '../../x509/public-key.ts';
import type { Facts } from './facts.ts';
import { critical, ok, type Said, warning } from './finding.ts';
import { notChecked, recordsOf } from './records.ts';

/** How many entries from the end are checked: enough to tell damage, quick on every machine. */
const NEWEST = 10_000;
const PAGE = 500;
const LOOK_INTO =
  'Keep a copy of the database, compare it with exports and heads kept elsewhere (`chancery audit verify`), and restore the newest backup that is whole.';

export async function lookAtAudit(facts: Facts): Promise<readonly Said[]> {
  const records = recordsOf(facts);
  const faults = await sinkFaults(facts);
  if (records === undefined) return [notChecked, ...faults];
  const end = records.audit.last();
  if (end === undefined)
    return [critical('the audit log is empty: even `init` writes its first entry', LOOK_INTO), ...faults];
  const broken = chainFault(records, end.sequence);
  if (broken !== undefined) faults.push(critical(broken, LOOK_INTO));
  const head = headFaults(facts, records, end);
  faults.push(...head.faults);
  const checked = Math.min(end.sequence, NEWEST);
  return faults.length > 0
    ? faults
    : [
        ok(
          `${checked.toLocaleString('en')} of ${end.sequence.toLocaleString('en')} audit entries, the newest, are chained; ${head.last}`,
        ),
      ];
}

function chainFault({ audit }: StoreRecords, last: number): string | undefined {
  const first = Math.max(1, last - NEWEST + 1);
  let previous = first === 1 ? GENESIS : audit.entries(first - 1, 1)[0]?.hash;
  for (let at = first; at <= last;) {
    const page = audit.entries(at, Math.min(PAGE, last - at + 1));
    if (page.length === 0) return `the audit entry ${at} is missing`;
    for (const entry of page) {
      if (entry.sequence !== at) return `the audit entry ${at} is missing`;
      if (previous === undefined || linkHash(previous, entry.body) !== entry.hash)
        return `the audit entry ${at} is not the one that was written: its hash does not fit`;
      previous = entry.hash;
      at++;
    }
  }
  return undefined;
}

/** The last head vouches for an entry as it is, under the key that others verify with. */
function headFaults(
  { config, paths, clock, running }: Facts,
  { audit }: StoreRecords,
  end: AuditEntry,
): { readonly faults: readonly Said[]; readonly last: string } {
  const head = audit.lastHead();
  const now = clock.now();
  if (head === undefined)
    return {
      faults: [
        warning(
          'no head of the audit log was ever signed',
          'Start the server: it signs one at its interval.',
        ),
      ],
      last: '',
    };
  const key = readPublicKey(decodePemOne(readFileSync(paths.auditKeyFile, 'utf8'), 'PUBLIC KEY'));
  const [signed] = audit.entries(head.sequence, 1);
  const name = `the last audit head (entry ${head.sequence}, ${formatInstant(head.time)})`;
  const faults: Said[] = [];
  if (!verifyHead(head, key))
    faults.push(critical(`${name} is not signed by ${paths.auditKeyFile}`, LOOK_INTO));
  if (head.sequence > end.sequence)
    faults.push(
      critical(`${name} vouches for more than there is: the log ends at entry ${end.sequence}`, LOOK_INTO),
    );
  else if (signed?.sequence !== head.sequence || signed.hash !== head.hash)
    faults.push(critical(`${name} vouches for another entry than the one that is there`, LOOK_INTO));
  const overdue =
    running && head.sequence < end.sequence && now - head.time > 10 * config.audit.headInterval + 60_000;
  if (overdue)
    faults.push(
      warning(
        `${name} is old: ${end.sequence - head.sequence} entries came after it`,
        'Look into the log of the server: it cannot sign.',
      ),
    );
  return { faults, last: `${name} is good` };
}

async function sinkFaults({ config }: Facts): Promise<Said[]> {
  const faults: Said[] = [];
  for (const { file, required } of config.audit.sinks) {
    const fault = await sinkFault(file);
    if (fault === undefined) continue;
    const message = `the audit sink ${file} cannot be reached: ${fault}`;
    const fix = 'Make its folder, make room or start its reader: the sink goes on where it stopped.';
    faults.push(
      required
        ? critical(`${message}; it is required, so every request is refused`, fix)
        : warning(message, fix),
    );
  }
  return faults;
}

async function sinkFault(file: string): Promise<string | undefined> {
  try {
    await access(file, constants.W_OK);
    return (await stat(file)).isDirectory() ? 'it is a folder' : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      return String((error as NodeJS.ErrnoException).code);
  }
  // it is made with the first entry
  try {
    await access(dirname(file), constants.W_OK | constants.X_OK);
    return (await stat(dirname(file))).isDirectory() ? undefined : `${dirname(file)} is no folder`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? `there is no folder ${dirname(file)}` : String(code);
  }
}
