/** Certificate requests and CRLs as JSON and as sheets. */
import { formatDuration, formatInstant, type Instant } from '../../base/clock.ts';

import { formatSerial } from '../../x509/certificate.ts';
import {
  type CertificateList,
  readCrlNumber,
  revocationReason,
  revokedCertificates,
} from '../../x509/crl.ts';
import { type CertificationRequest, provesPossession } from '../../x509/csr.ts';
import { readIssuingDistributionPoint } from '../../x509/distribution-point.ts';
import { extensionName } from '../../x509/extension-names.ts';
import { formatName } from '../../x509/name.ts';
import { OID } from '../../x509/oids.ts';
import { signatureAlgorithmName } from '../../x509/signature.ts';
import {
  attempt,
  describeExtension,
  describeKey,
  type Description,
  groupNames,
  orNothing,
} from './describe-certificate.ts';
import { formatForPeople, isSpiffeId } from './names.ts';

export function describeRequest(request: CertificationRequest): Description {
  const names = [...request.names.filter(isSpiffeId), ...request.names.filter((name) => !isSpiffeId(name))];
  const [first] = names;
  const subject = formatName(request.subject);
  const key = describeKey(request.publicKey.spki);
  const possession = provesPossession(request);
  return {
    resource: {
      kind: 'certificate-request',
      ...(first !== undefined && first.kind !== 'other' && isSpiffeId(first)
        ? { spiffeId: first.value }
        : {}),
      names: groupNames(names),
      subject,
      key: key.resource,
      signatureAlgorithm: signatureAlgorithmName(request.signatureAlgorithm),
      signatureVerifies: possession,
      requestedExtensions: request.requestedExtensions.map(describeExtension),
    },
    sheet: {
      heading: `certificate request for ${first === undefined ? subject || '(no name)' : formatForPeople(first)}`,
      fields: [
        ['names', orNothing(names.map(formatForPeople))],
        ['subject', subject === '' ? undefined : subject],
        ['key', key.text],
        ['signature', possession ? 'proves possession of the key' : 'does not verify with the key'],
        [
          'asks for',
          orNothing(
            request.requestedExtensions.map(
              ({ id, critical }) => extensionName(id) + (critical ? ' (critical)' : ''),
            ),
          ),
        ],
      ],
    },
  };
}

/** Entries that are shown; the count is always of all. */
const SHOWN_ENTRIES = 1000;

export function describeCrl(list: CertificateList, now: Instant): Description {
  const faults: string[] = [];
  const find = (id: string) => list.extensions.find((extension) => extension.id === id)?.value;
  const number = find(OID.cRLNumber);
  const base = find(OID.deltaCRLIndicator);
  const idp = find(OID.issuingDistributionPoint);
  const scope =
    idp && attempt(faults, 'issuingDistributionPoint', () => readIssuingDistributionPoint(idp, list.issuer));
  const crlNumber = number && attempt(faults, 'cRLNumber', () => readCrlNumber(number).toString());
  const baseNumber = base && attempt(faults, 'deltaCRLIndicator', () => readCrlNumber(base).toString());
  const entries: { serial: string; revokedAt: string; reason: string }[] = [];
  let count = 0;
  attempt(faults, 'revokedCertificates', () => {
    for (const entry of revokedCertificates(list)) {
      const reason = revocationReason(entry);
      if (++count > SHOWN_ENTRIES) continue;
      entries.push({ serial: formatSerial(entry.serial), revokedAt: formatInstant(entry.revokedAt), reason });
    }
  });
  const issuer = formatName(list.issuer);
  const state = stateOf(list, now);
  const only = [
    scope?.onlyUserCerts === true ? 'leaves' : '',
    scope?.onlyCaCerts === true ? 'CA certificates' : '',
    scope?.onlyAttributeCerts === true ? 'attribute certificates' : '',
  ].filter((text) => text !== '');
  return {
    resource: {
      kind: 'crl',
      issuer,
      ...(crlNumber === undefined ? {} : { number: crlNumber }),
      ...(baseNumber === undefined ? {} : { deltaOf: baseNumber }),
      thisUpdate: formatInstant(list.thisUpdate),
      ...(list.nextUpdate === undefined ? {} : { nextUpdate: formatInstant(list.nextUpdate) }),
      state: state.state,
      signatureAlgorithm: signatureAlgorithmName(list.outerSignatureAlgorithm),
      ...(scope === undefined ? {} : { indirect: scope.indirect, only }),
      revoked: count,
      entries,
      extensions: list.extensions.map(describeExtension),
      octets: list.raw.length,
      ...(faults.length === 0 ? {} : { faults }),
    },
    sheet: {
      heading: `${baseNumber === undefined ? 'CRL' : 'delta CRL'} of ${issuer}`,
      fields: [
        ['number', crlNumber],
        ['starts from', baseNumber],
        ['this update', formatInstant(list.thisUpdate)],
        ['next update', list.nextUpdate === undefined ? 'none' : formatInstant(list.nextUpdate)],
        ['', state.text],
        ['signed with', signatureAlgorithmName(list.outerSignatureAlgorithm)],
        ['only for', orNothing([only.join(', ')])],
        ['revoked', count.toString()],
        [
          '',
          entries.slice(0, 20).map(({ serial, revokedAt, reason }) => `${serial}  ${revokedAt}  ${reason}`),
        ],
        ['', count > 20 ? `and ${count - 20} more` : undefined],
        [
          'extensions',
          list.extensions.map(({ id, critical }) => extensionName(id) + (critical ? ' (critical)' : '')),
          'wide',
        ],
        ['size', `${list.raw.length} octets`],
        ['faults', orNothing(faults)],
      ],
    },
  };
}

function stateOf({ thisUpdate, nextUpdate }: CertificateList, now: Instant): { state: string; text: string } {
  if (now < thisUpdate)
    return { state: 'not-yet-valid', text: `not yet: begins in ${formatDuration(thisUpdate - now)}` };
  if (nextUpdate === undefined) return { state: 'valid', text: 'never to be replaced' };
  return now > nextUpdate + 999
    ? { state: 'stale', text: `stale: should have been replaced ${formatDuration(now - nextUpdate)} ago` }
    : { state: 'valid', text: `${formatDuration(nextUpdate - now)} left` };
}
