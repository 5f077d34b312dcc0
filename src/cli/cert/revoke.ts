/** `chancery cert revoke`: shows what it hits, has the name typed, and only then revokes. */
import type {
  ImpactRequest,
  ImpactResource,
  LeakedKeyReport,
  RevocationReport,
} from '../../api/revocations.ts';
import { parseReason } from '../../domain/revocation/reasons.ts';
import type { KeyPair } from '../../x509/key-pair.ts';
import type { Client } from '../client.ts';
import type { Asking } from '../command.ts';
import { confirm, saidBefore } from '../confirm.ts';
import { withClient } from '../connect.ts';
import { printListing } from '../output.ts';
import type { Session } from '../session.ts';
import { say, type Terminal } from '../terminal.ts';
import { impactLines, printImpact } from './impact.ts';
import { fingerprintOf, readLeakedKey, signStatement } from './leaked-key.ts';
import { flatten } from './names.ts';
import { readSelection, type Selected, type SelectionOptions } from './revoke-selection.ts';

export interface RevokeOptions extends Asking, SelectionOptions {
  readonly reason?: string;
  readonly yes?: true;
  readonly dryRun?: true;
}

type Report = Pick<RevocationReport, 'results' | 'more' | 'notices'>;

export async function revoke(session: Session, options: RevokeOptions, operand?: string): Promise<void> {
  const { terminal } = session;
  const selected = await readSelection(options, operand);
  const key = options.leakedKey === undefined ? undefined : await readLeakedKey(options.leakedKey);
  // a slip costs no round trip
  const reason = parseReason(options.reason ?? (key === undefined ? 'unspecified' : 'keyCompromise'));
  const said = options.dryRun === true || saidBefore(terminal, options.yes, 'a revocation');
  await withClient(session, options, async (client) => {
    const request = selected?.request ?? searchOf(key);
    if (options.dryRun === true) {
      await printImpact(terminal, options.output, await impactOf(client, request));
      return;
    }
    const { server, origin } = client.context;
    say(terminal, `revoking at ${server.origin} (${origin})`);
    const expectedCount = said ? undefined : await ask(terminal, client, selected, key);
    if (expectedCount === 0 && key === undefined) return say(terminal, 'nothing was revoked');
    const once = async (first: boolean): Promise<Report> =>
      key === undefined
        ? client.post<RevocationReport>('/revocations', {
            ...request,
            reason,
            ...(first && expectedCount !== undefined && { expectedCount }),
          })
        : client.post<LeakedKeyReport>('/revocations/leaked-key', {
            statement: await signStatement(key, client, terminal.now()),
          });
    await print(terminal, options, await everything(once), key);
  });
}

/** Request after request, until one has left nothing. */
async function everything(once: (first: boolean) => Promise<Report>): Promise<Report> {
  let all = await once(true);
  while (all.more) {
    const next = await once(false);
    all = {
      ...next,
      results: [...all.results, ...next.results],
      notices: [...new Set([...all.notices, ...next.notices])],
    };
  }
  return all;
}

const searchOf = (key: KeyPair | undefined): ImpactRequest =>
  key === undefined ? {} : { search: { keyFingerprint: fingerprintOf(key) } };

const impactOf = (client: Client, request: ImpactRequest): Promise<ImpactResource> =>
  client.post<ImpactResource>('/revocations/impact', request);

/** How many certificates the person at the terminal has seen and means; `undefined` where they were not counted. */
async function ask(
  terminal: Terminal,
  client: Client,
  selected: Selected | undefined,
  key: KeyPair | undefined,
): Promise<number | undefined> {
  if (key !== undefined) {
    const fingerprint = fingerprintOf(key);
    say(terminal, `the key ${fingerprint} and every certificate for it, now and later`);
    await confirm(terminal, fingerprint.slice(0, 8), 'block it for ever');
    return undefined;
  }
  const impact = await impactOf(client, selected?.request ?? {});
  for (const line of impactLines(impact, terminal.now())) say(terminal, line);
  const [only] = impact.certificates;
  if (impact.count === 0) return 0;
  const word = selected?.word ?? (only && flatten(only.names)[0]) ?? only?.serial ?? String(impact.count);
  await confirm(terminal, word, `revoke ${impact.count === 1 ? 'it' : `all ${impact.count}`} for ever`);
  return impact.complete ? impact.count : undefined;
}

async function print(
  terminal: Terminal,
  { output }: RevokeOptions,
  report: Report,
  key: KeyPair | undefined,
): Promise<void> {
  await printListing(terminal, output, {
    resource: report,
    rows: report.results,
    columns: [
      { title: 'SERIAL', value: ({ serial }) => serial },
      { title: 'RESULT', value: ({ result }) => RESULTS[result] },
      { title: 'KEY', value: ({ keyBlocked }) => (keyBlocked ? 'blocked' : '') },
    ],
    name: ({ serial }) => serial,
    empty: 'no living certificate is hit',
  });
  if (key !== undefined)
    say(terminal, `the key ${fingerprintOf(key)} is blocked: nobody gets a certificate for it`);
  for (const notice of report.notices) say(terminal, notice);
}

const RESULTS: Readonly<Record<RevocationReport['results'][number]['result'], string>> = {
  revoked: 'revoked',
  raised: 'revoked before, now for keyCompromise',
  blocked: 'revoked before, now its key is blocked',
  already: 'revoked before',
};
