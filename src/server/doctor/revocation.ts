/** What relying parties are told of revocations is fresh: CRLs, OCSP responders, places of publication, the journal. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { formatDuration, formatInstant, type Instant, MINUTE } from '../../base/clock.ts';
import type { PublicationConfiguration } from '../../config/index.ts';
import type { StoreRecords } from '../../db/sqlite/view.ts';
import { RESPONDER_PRINCIPAL } from '../../domain/issuance/responder.ts';
import { MANIFEST } from '../../domain/revocation/publication.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { manifestAge, MAX_MANIFEST, readManifest, staleParts } from '../../publication/manifest.ts';
import { placeOf } from '../publication.ts';
import { type Facts } from './facts.ts';
import { critical, info, orOk, plural, type Said, warning } from './finding.ts';
import { notChecked, recordsOf } from './records.ts';

/** A server builds a CRL anew at two thirds of its life at the latest, and a responder at half. */
const LATE = 1 / 5;
/** A server writes each manifest anew every five minutes. */
const SILENCE = 15 * MINUTE;
const LOOK_INTO = 'Look into the log of the server: it says why it is not renewed.';
const START = 'Start the server: it renews it before anything is served.';

export async function lookAtRevocation(facts: Facts): Promise<readonly Said[]> {
  const records = recordsOf(facts);
  const places = await Promise.all(facts.config.publication.map((place) => lookAtPlace(facts, place)));
  if (records === undefined) return [notChecked, ...places.flat()];
  const crls = records.publishedCrls.published();
  const faults = [
    ...crlFaults(facts, records),
    ...responderFaults(facts, records),
    ...places.flat(),
    ...(await journalFaults(facts, records)),
  ];
  const [next] = [...crls].sort((a, b) => a.nextUpdate - b.nextUpdate);
  return orOk(
    faults,
    next === undefined
      ? 'no CRL of an issuer was published yet'
      : `${plural(crls.length, 'CRL')} of issuers, the first to be replaced by ${formatInstant(next.nextUpdate)}; ${plural(places.length, 'place')} of publication`,
  );
}

interface Lasting {
  readonly what: string;
  readonly from: Instant;
  readonly until: Instant;
}

/** The worst of a kind: all of them are renewed by the same server. */
function lateFault({ running, clock }: Facts, all: readonly Lasting[]): Said[] {
  const now = clock.now();
  const [first] = [...all].sort((a, b) => a.until - b.until);
  if (first === undefined) return [];
  const { what, from, until } = first;
  const others = all.filter((one) => one.until <= now).length - 1;
  const more = others > 0 ? ` and ${plural(others, 'other')}` : '';
  if (until <= now) {
    const said = `${what}${more} ran out at ${formatInstant(until)}: relying parties that check refuse everything below`;
    return [running ? critical(said, LOOK_INTO) : warning(said, START)];
  }
  if (!running || (until - now) / (until - from) >= LATE) return [];
  return [warning(`${what} has ${formatDuration(until - now)} left and was not renewed`, LOOK_INTO)];
}

/** Generations whose last certificate expired publish no more. */
const living = ({ authorities }: StoreRecords, now: Instant): readonly string[] =>
  authorities
    .generations()
    .filter(({ certificate }) => readCertificate(certificate).notAfter > now)
    .map(({ id }) => id);

function crlFaults(facts: Facts, records: StoreRecords): Said[] {
  const generations = living(records, facts.clock.now());
  const crls = records.publishedCrls
    .published()
    .filter(({ generation }) => generations.includes(generation))
    .map(({ generation, scope, thisUpdate, nextUpdate }) => ({
      what: `the CRL ${generation}/${scope}`,
      from: thisUpdate,
      until: nextUpdate,
    }));
  return lateFault(facts, crls);
}

function responderFaults(facts: Facts, records: StoreRecords): Said[] {
  const { clock, running } = facts;
  const now = clock.now();
  const newest = new Map<string, Lasting>();
  const query = { principal: RESPONDER_PRINCIPAL };
  for (const { generation, notBefore, notAfter, revokedAt } of records.inventory.search(query, now, 500)
    .certificates)
    if (revokedAt === null && (newest.get(generation)?.until ?? 0) < notAfter)
      newest.set(generation, {
        what: `the OCSP responder of ${generation}`,
        from: notBefore,
        until: notAfter,
      });
  const generations = living(records, now);
  const missing = running ? generations.filter((id) => !newest.has(id)) : [];
  return [
    ...lateFault(
      facts,
      generations.flatMap((id) => newest.get(id) ?? []),
    ),
    ...missing.map((id) => warning(`nobody answers OCSP for ${id}: it has no responder`, LOOK_INTO)),
  ];
}

async function lookAtPlace({ clock, running }: Facts, place: PublicationConfiguration): Promise<Said[]> {
  const target = placeOf(place, clock);
  const fix = running
    ? 'Look into the log of the server: it says why it cannot publish there.'
    : 'Start the server, and let it write there.';
  try {
    const octets = await target.read(MANIFEST, MAX_MANIFEST);
    const manifest = octets && readManifest(octets);
    if (manifest === undefined)
      return [
        (running ? warning : info)(`nothing was published to ${target.name} yet: it has no ${MANIFEST}`, fix),
      ];
    const now = clock.now();
    const [late, ...others] = staleParts(manifest, now);
    if (late !== undefined)
      return [
        critical(
          `${target.name}: ${late}${others.length > 0 ? `, and ${plural(others.length, 'other')}` : ''}`,
          fix,
        ),
      ];
    const age = manifestAge(manifest, now);
    return running && age > SILENCE
      ? [warning(`nothing was published to ${target.name} for ${formatDuration(age)}`, fix)]
      : [];
  } catch (error) {
    return [warning(`${target.name} cannot be read: ${(error as Error).message}`, fix)];
  } finally {
    target.close();
  }
}

async function journalFaults(
  { config: { journal }, running }: Facts,
  records: StoreRecords,
): Promise<Said[]> {
  const position = records.journal.position();
  if (journal === undefined)
    return position === undefined
      ? [
          info(
            'no journal is configured: what is revoked after the last backup is forgotten when that is restored',
            'Name a folder on another disk or a bucket: `journal` in the configuration.',
          ),
        ]
      : [
          warning(
            `the database has the journal ${position.journal}, and none is configured`,
            'Configure it again, or start the server to leave it.',
          ),
        ];
  if (position === undefined)
    return [
      (running ? warning : info)(
        'a journal is configured, and the database has none',
        'Start the server: it begins one.',
      ),
    ];
  if (journal.kind !== 'folder') return [];
  try {
    if (!(await stat(journal.folder)).isDirectory()) throw new Error('it is no folder');
    await access(journal.folder, constants.W_OK | constants.X_OK);
    return [];
  } catch (error) {
    return [
      critical(
        `the journal in ${journal.folder} cannot be written: ${(error as Error).message}`,
        'Mount it, or mend its owner and mode: nothing is issued or revoked that it is not told.',
      ),
    ];
  }
}
