/** Whether a leaf is for the expected name (RFC 9525, RFC 5280 4.2.1.6): its subjectAltName decides alone. */
import { equal } from '../../x509/bytes.ts';
import type { GeneralName } from '../../x509/general-name.ts';
import { formatGeneralName } from '../../x509/general-name.ts';
import { parseIp } from '../../x509/ip.ts';
import type { Candidate } from './candidate.ts';
import type { ExpectedName, Fault } from './result.ts';

const RULE = 'RFC 9525 6: one of the names in subjectAltName; a commonName is none of them';
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** ASCII alone: `toLowerCase` would turn the Kelvin sign into a k. */
export const lowerAscii = (text: string): string => text.replace(/[A-Z]/g, (char) => char.toLowerCase());

/** What is wrong with a dNSName as it stands in a certificate. A wildcard is the whole left-most label. */
export function dnsNameFault(name: string): string | undefined {
  const labels = (name.startsWith('*.') ? name.slice(2) : name).split('.');
  if (name === '' || name.length > 253) return `it has ${name.length} characters, 1 to 253 are allowed`;
  const bad = labels.find((label) => !LABEL.test(label));
  if (bad !== undefined) return `the label ${JSON.stringify(bad)} is not of letters, digits and inner dashes`;
  if (/^\d+$/.test(labels.at(-1) ?? '')) return 'the last label is a number, as in an IP address';
  return name.startsWith('*.') && labels.length < 2 ? 'a wildcard over a whole top-level domain' : undefined;
}

/** Whether a dNSName covers a host name: equal without regard to case, or a wildcard for exactly one label. */
export function dnsNameCovers(pattern: string, host: string): boolean {
  const own = lowerAscii(pattern);
  const asked = lowerAscii(host);
  if (dnsNameFault(own) !== undefined || dnsNameFault(asked) !== undefined) return false;
  if (own === asked) return true;
  const dot = asked.indexOf('.');
  return own.startsWith('*.') && !asked.startsWith('*.') && dot > 0 && asked.slice(dot) === own.slice(1);
}

function covers(name: GeneralName, expected: ExpectedName): boolean {
  if (name.kind === 'other' || name.kind !== expected.kind) return false;
  switch (name.kind) {
    case 'dns':
      return dnsNameCovers(name.value, expected.value);
    case 'ip': {
      const [own, asked] = [parseIp(name.value), parseIp(expected.value)];
      return own !== undefined && asked !== undefined && equal(own, asked);
    }
    case 'uri':
      return name.value === expected.value;
    case 'email': {
      // the host folds, the local part does not
      const fold = (text: string): string => {
        const at = text.lastIndexOf('@');
        return text.slice(0, at) + lowerAscii(text.slice(at));
      };
      return fold(name.value) === fold(expected.value);
    }
  }
}

export function peerNameFault(
  { decoded: { subjectAltName } }: Candidate,
  expected: ExpectedName,
): Fault | undefined {
  if (subjectAltName?.some((name) => covers(name, expected)) === true) return undefined;
  const names = (subjectAltName ?? []).map(formatGeneralName);
  const list = names.slice(0, 5).join(', ') + (names.length > 5 ? `, and ${names.length - 5} more` : '');
  return {
    code: 'name_mismatch',
    reason: `not for ${expected.kind}:${expected.value}: ${names.length === 0 ? 'it has no subjectAltName' : `its names are ${list}`}`,
    rule: RULE,
  };
}
