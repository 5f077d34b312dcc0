/** How much of their lives the certificates have left that everything else hangs on. */
import { existsSync, readFileSync } from 'node:fs';
import { formatDuration, formatInstant, type Instant } from '../../base/clock.ts';
import type { StoreRecords } from '../../db/sqlite/view.ts';
import { slotsOf } from '../../domain/issuance/generations.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import type { Facts } from './facts.ts';
import { critical, info, orOk, type Said, warning } from './finding.ts';
import { notChecked, recordsOf } from './records.ts';

interface Life {
  readonly what: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Fractions of its life that are left when it is time to act, and when it is nearly too late. */
  readonly warn: number;
  readonly alarm: number;
  readonly fix: string;
}

/** When it is time for a successor; and when there is one that only waits for its turn. */
const GENERATION = { warn: 1 / 3, alarm: 0.1 };
const ROOT = { warn: 1 / 4, alarm: 0.1 };
const SUCCEEDED = { warn: 1 / 8, alarm: 0.02 };
/** The command line renews it past two thirds, whenever it is used. */
const ADMIN = { warn: 1 / 6, alarm: 0 };
/** A server signs the CRLs of its roots anew when a third is left; those of offline roots are brought. */
const CRL = { warn: 1 / 4, alarm: 0 };

export function lookAtExpiry(facts: Facts): readonly Said[] {
  const records = recordsOf(facts);
  const now = facts.clock.now();
  if (records === undefined) return [notChecked, ...adminFaults(facts, now)];
  const lives = [...rootLives(records, now), ...generationLives(records, now)];
  const [first] = [...lives].sort((a, b) => a.notAfter - b.notAfter);
  const all = [...lives, ...crlLives(facts, records)];
  const faults = [...all.flatMap((life) => lifeFaults(life, now)), ...adminFaults(facts, now)];
  return orOk(
    faults,
    first === undefined ? 'nothing to expire' : `${first.what} is the first to expire: ${left(first, now)}`,
  );
}

/** What signs now: what came before it is retired when nothing below it lives any more. */
const rootLives = ({ authorities }: StoreRecords, now: Instant): Life[] =>
  linesOf(authorities.roots(), ({ line }) => line).flatMap((line) => {
    const { current, next } = slotsOf(line, now);
    if (current === undefined) return [];
    return {
      what: `the root ${current.name}`,
      ...readCertificate(current.certificate),
      ...(next === undefined ? ROOT : SUCCEEDED),
      fix: `Make its successor: \`chancery ca prepare ${current.line}\`, later \`chancery ca activate ${current.line}\`.`,
    };
  });

const generationLives = ({ authorities }: StoreRecords, now: Instant): Life[] =>
  linesOf(authorities.generations(), ({ issuer }) => issuer).flatMap((line) => {
    const { current, next } = slotsOf(line, now);
    if (current === undefined) return [];
    const { issuer, id } = current;
    const waits = authorities.pending().find((pending) => pending.issuer === issuer);
    return {
      what: `the generation ${id}`,
      ...readCertificate(current.certificate),
      ...(next === undefined ? GENERATION : SUCCEEDED),
      fix:
        waits === undefined
          ? `Start the server: it prepares the successor by itself; or \`chancery issuer prepare ${issuer}\`.`
          : `Its successor ${waits.id} waits for the signature of the offline root ${waits.root}: \`chancery ca sign-csr\`, then \`chancery ca import\`.`,
    };
  });

/** Of roots whose key is here a running server takes care; a stopped one does so at its start. */
const crlLives = ({ running }: Facts, { authorities, crls }: StoreRecords): Life[] =>
  crls.crls().flatMap(({ root, thisUpdate, nextUpdate }) => {
    const offline = authorities.roots().some(({ name, keyId }) => name === root && keyId === null);
    if (!offline && !running) return [];
    return {
      what: `the CRL of the root ${root}`,
      notBefore: thisUpdate,
      notAfter: nextUpdate,
      ...CRL,
      fix: offline
        ? 'Sign another where the root is, `chancery ca sign-crl`, then `chancery ca import-crl`.'
        : 'Look into the log of the server: it cannot sign.',
    };
  });

function linesOf<T extends { readonly number: number }>(all: readonly T[], name: (one: T) => string): T[][] {
  const lines = Map.groupBy(all, name);
  return [...lines.values()].map((line) => line.sort((a, b) => a.number - b.number));
}

function adminFaults({ paths }: Facts, now: Instant): Said[] {
  const fix = 'Stop the server and run `chancery server admin recover`.';
  const file = paths.adminCertificate;
  if (!existsSync(file)) return [info(`there is no ${file}: nobody logs in with this folder alone`, fix)];
  try {
    const [leaf] = decodePem(readFileSync(file, 'utf8'));
    if (leaf === undefined) throw new Error('it holds no certificate');
    const life = { what: `the admin certificate ${file}`, ...readCertificate(leaf.der), ...ADMIN, fix };
    return lifeFaults(life, now);
  } catch (error) {
    return [warning(`the admin certificate ${file} cannot be read: ${(error as Error).message}`, fix)];
  }
}

function lifeFaults(life: Life, now: Instant): Said[] {
  const { what, notBefore, notAfter, warn, alarm, fix } = life;
  if (now < notBefore)
    return [critical(`${what} is not valid before ${formatInstant(notBefore)}`, 'Set the clock right.')];
  if (now > notAfter) return [critical(`${what} expired on ${formatInstant(notAfter)}`, fix)];
  const fraction = (notAfter - now) / (notAfter - notBefore);
  if (fraction < alarm) return [critical(`${what} is nearly over: ${left(life, now)}`, fix)];
  return fraction < warn ? [warning(`${what} is about to end: ${left(life, now)}`, fix)] : [];
}

/** `336d (92 %) left, until 2027-…` */
function left({ notBefore, notAfter }: Life, now: Instant): string {
  const percent = Math.floor(((notAfter - now) / (notAfter - notBefore)) * 100);
  return `${formatDuration(notAfter - now)} (${percent} %) left, until ${formatInstant(notAfter)}`;
}
