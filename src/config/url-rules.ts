/** Rules of URLs: who follows them decides what they may say. */
import { bareHost } from '../base/host-port.ts';
import { dnsNameFault } from '../domain/identity/names.ts';
import { parseIp } from '../x509/ip.ts';
import { isLoopback } from './listeners.ts';
import { text, unless } from './rules.ts';

/** What people open in a browser. */
export const webUrl = unless(
  (value) => isUrl(value, ['https:', 'http:']),
  'it is no http or https URL without user',
  'clients show it to people as it stands',
  'Write it as https://ca.example.test/terms.',
);

function isUrl(value: string, protocols: readonly string[]): boolean {
  // it stands in a header
  if (value.length > 500 || !/^[!#-;=?-~]+$/.test(value) || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return protocols.includes(protocol) && username === '' && password === '';
}

const externalUrl = (scheme: 'https' | 'http', why: string) =>
  text((value) => {
    const fault = urlFault(value, scheme);
    return fault === undefined
      ? undefined
      : {
          message: fault,
          rule: why,
          fix: `Write it as ${scheme}://ca.example.test${scheme === 'https' ? ':8443' : ''}.`,
        };
  });

function urlFault(value: string, scheme: 'https' | 'http'): string | undefined {
  if (!URL.canParse(value)) return 'it is no URL';
  const url = new URL(value);
  if (url.protocol !== `${scheme}:`) return `its scheme is ${url.protocol.slice(0, -1)}`;
  if (url.username !== '' || url.password !== '') return 'it has a user or password';
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(value)) return 'it has a query or fragment';
  const host = bareHost(url);
  if (parseIp(host) === undefined && (host.startsWith('*') || dnsNameFault(host) !== undefined))
    return 'its host is no DNS name and no address';
  return undefined;
}

export const httpsUrl = externalUrl('https', 'an https URL without user, query and fragment');
export const statusUrl = externalUrl(
  'http',
  'an http URL without user, query and fragment: whoever checks a certificate cannot check that of its CRL first (RFC 5280 8)',
);

/** The iss of tokens: compared as it stands, so it stays as it was written. */
export const issuerUrl = externalUrl(
  'https',
  'OIDC Discovery 1.0 3: an issuer is an https URL without user, query and fragment',
);

export const webhookUrl = unless(
  (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    return (
      url !== undefined &&
      url.username === '' &&
      url.password === '' &&
      url.hash === '' &&
      (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(bareHost(url))))
    );
  },
  'it is no URL of a webhook',
  'an https URL without user and fragment; http only for a loopback address',
  'Write e.g. https://alerts.example.test/chancery.',
);

export const bucketEndpoint = unless(
  (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const bare = url !== undefined && url.username === '' && url.search === '' && url.hash === '';
    return bare && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(bareHost(url))));
  },
  'it is no endpoint of a bucket',
  'an https URL without user, query and fragment; http only for a loopback address',
  'Write e.g. https://s3.example.test.',
);
