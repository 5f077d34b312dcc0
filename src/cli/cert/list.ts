/** `chancery cert list` */
import type { CertificateList, CertificateSummary } from '../../api/certificates.ts';
import { formatInstant, parseDuration, parseInstant } from '../../base/clock.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Client, Query } from '../client.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { type Column, printListing, relativeTime } from '../output.ts';
import type { Session } from '../session.ts';
import { say, type Terminal } from '../terminal.ts';
import { labelLines } from './belonging.ts';
import { flatten } from './names.ts';
import { plainHex, readSerial } from './serial.ts';

export interface ListOptions extends Asking {
  readonly name?: string;
  readonly serial?: string;
  readonly fingerprint?: string;
  readonly issuer?: string;
  readonly profile?: string;
  readonly keyFingerprint?: string;
  readonly principal?: string;
  readonly owner?: string;
  /** `key:value` */
  readonly label?: string;
  readonly state?: string;
  readonly expiresBefore?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: true;
}

const PAGE = 500;

export async function list(session: Session, options: ListOptions): Promise<void> {
  const { terminal } = session;
  const query = toQuery(options, terminal);
  const found = await withClient(session, options, (client) =>
    options.all === true
      ? allPages(client, query, options.limit)
      : client.get<CertificateList>('/certificates', query),
  );
  await printListing(terminal, options.output, {
    resource: found,
    rows: found.certificates,
    columns: columns(terminal),
    name: ({ serial }) => serial,
    empty: 'no certificate matches',
  });
  if (found.cursor !== undefined) say(terminal, `there are more: add --all, or --cursor ${found.cursor}`);
}

async function allPages(client: Client, query: Query, limit = Infinity): Promise<CertificateList> {
  const certificates: CertificateSummary[] = [];
  let cursor = query['cursor'];
  do {
    const page = await client.get<CertificateList>('/certificates', {
      ...query,
      cursor,
      limit: Math.min(PAGE, limit - certificates.length),
    });
    certificates.push(...page.certificates);
    cursor = page.cursor;
  } while (cursor !== undefined && certificates.length < limit);
  return cursor === undefined ? { certificates } : { certificates, cursor: String(cursor) };
}

function toQuery(options: ListOptions, terminal: Terminal): Query {
  const { name, serial, fingerprint, keyFingerprint, expiresBefore } = options;
  const { issuer, profile, principal, owner, label, state, limit, cursor } = options;
  return {
    name,
    serial: serial && readSerial(serial),
    fingerprint: fingerprint && plainHex(fingerprint),
    keyFingerprint: keyFingerprint && plainHex(keyFingerprint),
    issuer,
    profile,
    principal,
    owner,
    label,
    state,
    expiresBefore: expiresBefore && readTime(expiresBefore, terminal),
    limit,
    cursor,
  };
}

function readTime(text: string, terminal: Terminal): string {
  const duration = parseDuration(text);
  const instant = duration === undefined ? parseInstant(text) : terminal.now() + duration;
  if (instant !== undefined) return formatInstant(instant);
  throw new ChanceryError('usage', {
    message: `--expires-before ${text} is neither a time nor a duration`,
    rule: 'RFC 3339, or a duration from now',
    fix: 'Write it as 2026-01-31T00:00:00Z or as 7d.',
  });
}

function columns(terminal: Terminal): Column<CertificateSummary>[] {
  return [
    { title: 'NAME', value: ({ names }) => abridge(flatten(names)) },
    { title: 'PROFILE', value: ({ profile }) => profile },
    { title: 'ISSUER', value: ({ issuer, generation }) => generation || issuer },
    { title: 'STATE', value: ({ state }) => state },
    { title: 'EXPIRES', value: ({ notAfter }) => relativeTime(notAfter, terminal.now()) },
    { title: 'NOT AFTER', value: ({ notAfter }) => notAfter, wide: true },
    { title: 'ASKED BY', value: ({ principal }) => principal, wide: true },
    { title: 'OWNER', value: ({ owner }) => owner ?? '', wide: true },
    { title: 'LABELS', value: ({ labels }) => labelLines(labels).join(' '), wide: true },
    { title: 'ALLOWED BY', value: ({ rule }) => rule, wide: true },
    { title: 'SERIAL', value: ({ serial }) => serial },
    { title: 'FINGERPRINT', value: ({ fingerprint }) => fingerprint, wide: true },
  ];
}

/** The first name and how many follow. */
const abridge = ([first = '', ...others]: readonly string[]): string =>
  others.length === 0 ? first : `${first} +${others.length}`;
