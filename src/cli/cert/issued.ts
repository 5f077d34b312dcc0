/** What is said after a certificate was issued: what, where, until when, and what to type next. */
import type { IssuedCertificate } from '../../api/certificates.ts';
import { formatInstant, parseInstant } from '../../base/clock.ts';
import { type OutputMode, printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { say } from '../terminal.ts';
import { flatten } from './names.ts';
import type { PairFiles } from './pair.ts';
import type { Pkcs12Files } from './pkcs12.ts';

export async function printIssued(
  { terminal }: Session,
  mode: OutputMode,
  issued: IssuedCertificate,
  files: Partial<PairFiles & Pkcs12Files>,
  next: string,
): Promise<void> {
  const [first = issued.serial, ...others] = flatten(issued.names);
  await printSheet(terminal, mode, {
    resource: { ...issued, files },
    name: issued.serial,
    heading: first,
    fields: [
      ['also', others.length === 0 ? undefined : others],
      ['serial', issued.serial],
      ['issued by', `${issued.issuer} (${issued.generation}), profile ${issued.profile}`],
      ['allowed by', issued.rule],
      ['valid from', issued.notBefore, 'wide'],
      ['expires', timeWithDistance(issued.notAfter, terminal.now())],
      [
        'files',
        [files.certificate, files.key, files.chain, files.bundle, files.pkcs12, files.pkcs12Password].filter(
          (path) => path !== undefined,
        ),
      ],
    ],
  });
  if (mode === 'table' || mode === 'wide') say(terminal, `next: ${next}`);
}

/** When a third of the life is left. */
export function renewalTime({ notBefore, notAfter }: IssuedCertificate): string {
  const [begin, end] = [parseInstant(notBefore), parseInstant(notAfter)];
  return begin === undefined || end === undefined ? notAfter : formatInstant(begin + ((end - begin) * 2) / 3);
}
