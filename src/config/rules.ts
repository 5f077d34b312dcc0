/** Rules of single values, shared by the schema's fields. A value that breaks one is told with rule and fix. */
import { z } from 'zod';
import { isChanceryError } from '../base/errors.ts';
import { dnsNameFault } from '../domain/identity/names.ts';
import { trustDomainFault } from '../domain/identity/spiffe-id.ts';
import type { NameKind } from '../x509/general-name.ts';
import { parseIpRange } from '../x509/ip.ts';
import { parseSubtree } from '../x509/name-constraints.ts';
import { parseHostPort } from './listeners.ts';

export interface Rule {
  /** What is wrong, as the end of "trustDomain is X: …". */
  readonly message: string;
  readonly rule: string;
  readonly fix: string;
}

type Judge = (text: string) => Rule | undefined;

/** A string that a judge has looked at. */
export const text = (judge: Judge) =>
  z.string().superRefine((value, context) => {
    const broken = judge(value);
    if (broken !== undefined)
      context.addIssue({
        code: 'custom',
        message: broken.message,
        params: { rule: broken.rule, fix: broken.fix },
      });
  });

/** A string for which something holds. */
export const unless = (holds: (value: string) => boolean, message: string, rule: string, fix: string) =>
  text((value) => (holds(value) ? undefined : { message, rule, fix }));

export const trustDomain = text((value) => {
  const fault = trustDomainFault(value);
  return fault && { ...fault, fix: 'Use a DNS-like name in lower case, e.g. example.test.' };
});

export const hostPort = unless(
  (value) => parseHostPort(value) !== undefined,
  'it is no host:port',
  'an IP address or DNS name and a port from 1 to 65535; IPv6 addresses stand in brackets',
  'Write it as 127.0.0.1:8443 or [::1]:8443.',
);

export const resolverAddress = unless(
  (value) => parseHostPort(value, 53) !== undefined,
  'it is no host or host:port',
  'an IP address or DNS name, and a port if it is not 53',
  'Write it as 127.0.0.1:8053.',
);

/** How a CA is named in CAA records (RFC 8659 4.2). */
export const caaIdentity = unless(
  (value) => !value.startsWith('*.') && dnsNameFault(value) === undefined,
  'it is no DNS name in lower case',
  'RFC 8659 4.2: an issuer-domain-name',
  'Write a name that you own, as ca.example.test.',
);

export const ipRange = unless(
  (value) => parseIpRange(value) !== undefined,
  'it is no address and no CIDR range without host bits',
  'RFC 4632: the bits beyond the prefix are zero',
  'Write it as 127.0.0.0/8 or fd00::/8.',
);

export const claimName = unless(
  (value) => /^[\x21-\x7e]{1,200}$/.test(value),
  'it is no name of a claim',
  'RFC 7519 4: 1 to 200 visible ASCII characters',
  'Write it as the token has it, e.g. sub.',
);

export const audience = unless(
  (value) => value !== '' && value.length <= 500,
  'it is no audience',
  'RFC 7519 4.1.3: a text of 1 to 500 characters',
  'Write what tokens for this server have in aud.',
);

export const oauthText = unless(
  (value) => /^[\x21\x23-\x5b\x5d-\x7e]{1,300}$/.test(value),
  'it is no client_id and no scope',
  'RFC 6749 appendix A: 1 to 300 visible ASCII characters without quotes and backslashes',
  'Write it as the provider gave it.',
);

/** What a CA may say of the names below it. */
export const subtree = (kind: NameKind) =>
  unless(
    (value) => parseSubtree(kind, value) !== undefined,
    'no name can be compared with it',
    kind === 'ip'
      ? 'RFC 4632: a CIDR range whose bits beyond the prefix are zero'
      : 'RFC 5280 4.2.1.10: a domain in ASCII without wildcard; for URIs and e-mail addresses a host, or .domain for the hosts below it',
    `Write it as ${kind === 'ip' ? '10.0.0.0/8' : 'example.test'}.`,
  );

/** Names of issuers, profiles and commands: parts of URLs, file names and grants. */
export const objectName = unless(
  (value) => /^[a-z][a-z0-9-]{0,62}$/.test(value),
  'it is no name',
  'lower-case letters, digits and dashes, a letter first, at most 63',
  'Choose another name.',
);

export const databaseFile = unless(
  (value) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(value),
  'it is no file name',
  'the database is a file in <data>/db: letters, digits, dots, dashes and underscores',
  'Write e.g. chancery.db, and choose the folder with --data.',
);

export const credentialName = unless(
  (value) => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(value),
  'it is no name of a credential',
  'systemd.exec(5): the name before the colon of LoadCredential=',
  'Write the name alone, without a path.',
);

/** A path of this host; relative ones are resolved against the file they stand in. */
export const path = unless(
  (value) => value !== '' && !value.includes('\0'),
  'it is no path',
  'a path is not empty',
  'Write a path; a relative one starts at the folder of this file.',
);

/** Runs a parser of the domain for its refusal. */
export function ruleOf(parse: () => unknown): Rule | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    return { message: error.detail.message, rule: error.detail.rule ?? '', fix: error.detail.fix ?? '' };
  }
}

export const bucketName = unless(
  (value) => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value),
  'it is no name of a bucket',
  '3 to 63 lower-case letters, digits, dots and hyphens',
  'Write it as the store shows it.',
);

export const region = unless(
  (value) => /^[a-z0-9-]{1,40}$/.test(value),
  'it is no region',
  'lower-case letters, digits and hyphens',
  'Write e.g. eu-central-1.',
);

export const objectPrefix = unless(
  (value) => value === '' || /^(?:[A-Za-z0-9._-]+\/)+$/.test(value),
  'it is no prefix',
  'letters, digits, dots, underscores, hyphens and slashes, the last one at its end',
  'Write e.g. chancery/.',
);
