/** Roots, generations and keys belong together, and every issuer of the configuration can sign. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instant } from '../../base/clock.ts';
import { listenerIssuer } from '../../config/index.ts';
import type { GenerationFacts, RootFacts } from '../../domain/issuance/issuer.ts';
import { validateCertificationPath } from '../../domain/path/search.ts';
import { type Bytes, equal } from '../../x509/bytes.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { readPublicKey } from '../../x509/public-key.ts';
import { verifySignature } from '../../x509/signature.ts';
import type { Facts } from './facts.ts';
import { critical, info, orOk, plural, type Said } from './finding.ts';
import { isRetired, recordsOf } from './records.ts';

const RESTORE = 'Restore a backup.';

export function lookAtChain(facts: Facts): readonly Said[] {
  if ('error' in facts.store) return [critical(facts.store.error.message, RESTORE)];
  const records = recordsOf(facts);
  if (records === undefined) return [info('not checked: the database has the schema of another release')];
  const roots = records.authorities.roots();
  const generations = records.authorities.generations();
  const now = facts.clock.now();
  const living = generations.filter((generation) => !isRetired(generation, now));
  const faults = [
    ...(roots.length === 0 ? [critical('there is no root', 'Run `chancery init` with this folder.')] : []),
    ...roots.flatMap((root) => [...rootFaults(root), ...keyFaults(facts, `root ${root.name}`, root)]),
    ...generations.flatMap((generation) => generationFaults(generation, roots, now)),
    ...living.flatMap((generation) => keyFaults(facts, `generation ${generation.id}`, generation)),
    ...issuerFaults(facts, living, Math.max(now, records.latestAuditTime)), // a clock that went back is told by another check
    ...bundleFaults(facts, roots, now),
  ];
  return orOk(
    faults,
    `${plural(roots.length, 'root')} and ${plural(generations.length, 'generation')} chain; every key that is here belongs to its certificate`,
  );
}

function rootFaults({ name, certificate }: RootFacts): Said[] {
  const root = tryRead(certificate);
  const isSelfSigned =
    root !== undefined &&
    equal(root.subject, root.issuer) &&
    verifySignature(root.outerSignatureAlgorithm, root.tbs.raw, root.signature, readPublicKey(root.spki));
  return isSelfSigned
    ? []
    : [critical(`the certificate of the root ${name} is not signed by its own key`, RESTORE)];
}

function generationFaults(
  { id, root, certificate, stopped }: GenerationFacts,
  roots: readonly RootFacts[],
  now: Instant,
): Said[] {
  const anchor = roots.find(({ name }) => name === root);
  if (anchor === undefined)
    return [critical(`the generation ${id} names a root ${root} that is not there`, RESTORE)];
  const own = tryRead(certificate);
  if (own === undefined) return [critical(`the certificate of the generation ${id} cannot be read`, RESTORE)];
  // how long it lasts is told by another check
  const at = Math.min(Math.max(now, own.notBefore), own.notAfter);
  const result = validateCertificationPath({
    leaf: certificate,
    untrusted: [],
    anchors: [anchor.certificate],
    at,
  });
  return [
    ...(result.valid
      ? []
      : [critical(`the generation ${id} does not chain to the root ${root}: ${result.reason}`, RESTORE)]),
    ...(stopped === null
      ? []
      : [
          critical(
            `the generation ${id} is stopped: ${stopped}`,
            'Look for issuer.stopped in `chancery audit list`; once the cause is gone, `chancery issuer prepare` makes another.',
          ),
        ]),
  ];
}

/** `keyId` is null for a key that is kept elsewhere. */
function keyFaults(
  { keys, paths }: Facts,
  what: string,
  { keyId, certificate }: { readonly keyId: string | null; readonly certificate: Bytes },
): Said[] {
  if (keyId === null) return [];
  const file = join(paths.keys, `${keyId}.key.json`);
  if (!existsSync(file))
    return [
      critical(
        `the key of the ${what} is missing: there is no ${file}`,
        'Restore the keys folder from a backup.',
      ),
    ];
  const own = tryRead(certificate);
  // that the keys do not open is told by another check
  if ('error' in keys || own === undefined) return [];
  try {
    if (equal(keys.value.keys.open(keyId).publicKey.spki, own.spki)) return [];
  } catch {
    return [];
  }
  return [
    critical(
      `the key ${file} does not belong to the certificate of the ${what}`,
      'Restore the keys folder that belongs to this database: both come from one backup.',
    ),
  ];
}

const issuerFaults = ({ config }: Facts, living: readonly GenerationFacts[], now: Instant): Said[] =>
  config.issuers
    .filter(
      ({ name }) =>
        !living.some(
          ({ issuer, activatedAt }) => issuer === name && activatedAt !== null && activatedAt <= now,
        ),
    )
    .map(({ name }) =>
      critical(
        `the issuer ${name} of the configuration has no current generation`,
        'Run `chancery init` again with this configuration: it adds what is missing.',
      ),
    );

/** What clients of this server trust has every root that its certificate may chain to, now or after a rotation. */
function bundleFaults({ config, paths }: Facts, roots: readonly RootFacts[], now: Instant): Said[] {
  const line = listenerIssuer(config)?.issuer.root;
  const needed = roots.filter((root) => root.line === line && !isRetired(root, now));
  const fix = `Write it anew: chancery ca print ${line ?? ''} > ${paths.rootsFile}`;
  try {
    const bundle = decodePem(readFileSync(paths.rootsFile, 'utf8')).map(({ der }) => der);
    return needed
      .filter(({ certificate }) => !bundle.some((der) => equal(der, certificate)))
      .map(({ name }) =>
        critical(`${paths.rootsFile} does not hold the root ${name}: clients refuse this server`, fix),
      );
  } catch (error) {
    return [critical(`${paths.rootsFile} cannot be read: ${(error as Error).message}`, fix)];
  }
}

function tryRead(der: Bytes): Certificate | undefined {
  try {
    return readCertificate(der);
  } catch {
    return undefined;
  }
}
