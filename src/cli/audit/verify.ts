/** `chancery audit verify`: offline. */
import type { Printing } from '../command.ts';
import { describeAuditReport, verifyAuditFile } from '../offline/audit-verify.ts';
import { printResource } from '../output.ts';
import type { ExitCode, Session } from '../session.ts';
import { harmless, print } from '../terminal.ts';

export interface VerifyOptions extends Printing {
  readonly key: string;
  readonly head?: string;
}

export async function verify({ terminal }: Session, options: VerifyOptions, file: string): Promise<ExitCode> {
  const { key, head, output } = options;
  const { report, exitCode } = await verifyAuditFile(
    { file, key, head },
    file === '-' ? process.stdin : nothing(),
  );
  if (output === 'json' || output === 'yaml') await printResource(terminal, output, report);
  else if (output === 'name') print(terminal, `${report.verdict}\n`);
  else
    for (const line of describeAuditReport(report, file).split('\n')) print(terminal, `${harmless(line)}\n`);
  return exitCode;
}

// opening stdin would wait for it
async function* nothing(): AsyncGenerator<Uint8Array> {
  // a file is read instead
}
