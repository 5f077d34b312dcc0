/** `chancery issuer revoke`: shows what it hits, has the name typed, and only then has the root revoke. */
import type { GenerationImpact, GenerationResource } from '../../api/authority.ts';
import { ChanceryError } from '../../base/errors.ts';
import { CA_REASONS, parseCaReason } from '../../domain/revocation/ca-revocation.ts';
import type { Asking } from '../command.ts';
import { confirm, saidBefore } from '../confirm.ts';
import { withClient } from '../connect.ts';
import { printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { say, type Terminal } from '../terminal.ts';

export interface RevokeOptions extends Asking {
  readonly reason?: string;
  readonly yes?: true;
  readonly dryRun?: true;
}

export async function revokeGeneration(session: Session, options: RevokeOptions, id: string): Promise<void> {
  const { terminal } = session;
  const path = `/generations/${encodeURIComponent(id)}`;
  if (options.dryRun === true) {
    if (options.reason !== undefined) parseCaReason(options.reason);
    const impact = await withClient(session, options, (client) =>
      client.get<GenerationImpact>(`${path}/impact`),
    );
    return printImpact(terminal, options, impact);
  }
  // a slip costs no round trip
  const reason = parseCaReason(options.reason ?? withoutReason());
  const said = saidBefore(terminal, options.yes, 'a revocation');
  const revoked = await withClient(session, options, async (client) => {
    const { server, origin } = client.context;
    say(terminal, `revoking at ${server.origin} (${origin})`);
    if (!said) {
      const impact = await client.get<GenerationImpact>(`${path}/impact`);
      for (const line of consequences(impact)) say(terminal, line);
      await confirm(terminal, id, `revoke it and the ${impact.living} below it for ever`);
    }
    return client.post<GenerationResource>(`${path}/revoke`, { reason });
  });
  await printSheet(terminal, options.output, {
    resource: revoked,
    name: revoked.id,
    heading: `${revoked.id} is revoked`,
    fields: [
      ['serial', revoked.serial],
      ['by', revoked.root],
      ['at', revoked.revokedAt],
      ['next', `another generation takes over: chancery issuer show ${revoked.id.replace(/-\d+$/, '')}`],
    ],
  });
}

async function printImpact(
  terminal: Terminal,
  { output }: RevokeOptions,
  impact: GenerationImpact,
): Promise<void> {
  const { latestNotAfter } = impact;
  await printSheet(terminal, output, {
    resource: impact,
    name: impact.generation,
    heading: `${impact.generation} would be revoked by ${impact.root}`,
    fields: [
      ['living certificates', String(impact.living)],
      [
        'the last would expire',
        latestNotAfter === undefined ? undefined : timeWithDistance(latestNotAfter, terminal.now()),
      ],
      ['log in here', impact.logins ? 'yes' : 'no'],
      ['root', impact.offline ? `${impact.root}, offline: its CRL is signed there` : impact.root],
    ],
  });
  for (const line of consequences(impact)) say(terminal, line);
}

const consequences = ({ generation, living, logins, offline, root }: GenerationImpact): string[] => [
  `${living} living ${living === 1 ? 'certificate' : 'certificates'} of ${generation}: nobody accepts ${living === 1 ? 'it' : 'them'} any more, nobody renews with ${living === 1 ? 'it' : 'them'}`,
  ...(logins
    ? [
        'whoever logs in with one is locked out, you too: `chancery server admin recover` at the host gives a new one',
      ]
    : []),
  ...(offline ? [`the key of ${root} is not here: chancery ca sign-crl, then chancery ca import-crl`] : []),
];

function withoutReason(): never {
  throw new ChanceryError('usage', {
    message: 'an issuer is not revoked without a reason',
    rule: `--reason, one of ${CA_REASONS.join(', ')}`,
    fix: 'Take cACompromise where its key may be in other hands.',
  });
}
