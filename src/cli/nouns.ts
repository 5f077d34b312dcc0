/** The nouns, in the order of the help. */
import type { Command } from 'commander';
import type { Wiring } from './command.ts';

export interface Noun {
  readonly name: string;
  readonly topic: string;
  readonly summary: string;
  /** Adds the noun with its verbs. */
  readonly load: () => Promise<(program: Command, wiring: Wiring) => void>;
}

const START = 'Start here:';
const CERTIFICATES = 'Certificates:';
const AUTHORITY = 'The authority:';
const POLICY = 'Who may what, and who did what:';

export const NOUNS: readonly Noun[] = [
  {
    name: 'dev',
    topic: START,
    summary: 'a server with two sample services that call each other over mTLS',
    load: async () => (await import('./local.ts')).addDev,
  },
  {
    name: 'init',
    topic: START,
    summary: 'make an authority: roots, issuers, the first login',
    load: async () => (await import('./local.ts')).addInit,
  },
  {
    name: 'server',
    topic: START,
    summary: 'run the server; back up, restore, recover the admin; show its configuration',
    load: async () => (await import('./server.ts')).addServer,
  },
  {
    name: 'doctor',
    topic: START,
    summary: 'look at a data folder and its server: what is wrong, and what mends it',
    load: async () => (await import('./doctor.ts')).addDoctor,
  },
  {
    name: 'cert',
    topic: CERTIFICATES,
    summary: 'issue, sign, renew, list, show; inspect, verify, lint offline',
    load: async () => (await import('./cert.ts')).addCert,
  },
  {
    name: 'managed',
    topic: CERTIFICATES,
    summary: 'kept renewed, delivered, proved: list, show, renew, pause, resume, plan, history',
    load: async () => (await import('./managed.ts')).addManaged,
  },
  {
    name: 'apply',
    topic: CERTIFICATES,
    summary: 'make managed certificates and public CAs what files say',
    load: async () => (await import('./apply.ts')).addApply,
  },
  {
    name: 'diff',
    topic: CERTIFICATES,
    summary: 'show what apply would change',
    load: async () => (await import('./apply.ts')).addDiff,
  },
  {
    name: 'target',
    topic: CERTIFICATES,
    summary: 'where managed certificates are delivered: list, test',
    load: async () => (await import('./target.ts')).addTarget,
  },
  {
    name: 'authority',
    topic: CERTIFICATES,
    summary: 'public CAs that managed certificates come from: list, show, test, delete',
    load: async () => (await import('./authority.ts')).addAuthority,
  },
  {
    name: 'ca',
    topic: AUTHORITY,
    summary: 'the roots: list, show, print, rotate; sign offline',
    load: async () => (await import('./ca.ts')).addCa,
  },
  {
    name: 'issuer',
    topic: AUTHORITY,
    summary: 'issuers and their generations: list, show, prepare, activate, retire, import',
    load: async () => (await import('./issuer.ts')).addIssuer,
  },
  {
    name: 'status',
    topic: AUTHORITY,
    summary: 'serve CRLs and OCSP answers from a folder, without the server',
    load: async () => (await import('./status.ts')).addStatus,
  },
  {
    name: 'profile',
    topic: AUTHORITY,
    summary: 'what kinds of certificates there are: list, show',
    load: async () => (await import('./profile.ts')).addProfile,
  },
  {
    name: 'grant',
    topic: POLICY,
    summary: 'list, show, create, delete; explain a decision',
    load: async () => (await import('./grant.ts')).addGrant,
  },
  {
    name: 'token',
    topic: POLICY,
    summary: 'one-time enrolment: create, list, show, revoke',
    load: async () => (await import('./token.ts')).addToken,
  },
  {
    name: 'acme',
    topic: POLICY,
    summary: 'the ACME server: accounts, orders, external account keys, renewal windows',
    load: async () => (await import('./acme.ts')).addAcme,
  },
  {
    name: 'login',
    topic: POLICY,
    summary: 'log in at an OIDC provider and keep a certificate of your own',
    load: async () => (await import('./login.ts')).addLogin,
  },
  {
    name: 'audit',
    topic: POLICY,
    summary: 'list, export, verify; sign a head',
    load: async () => (await import('./audit.ts')).addAudit,
  },
  {
    name: 'completion',
    topic: 'Other:',
    summary: 'print what makes bash, zsh or fish complete commands',
    load: async () => (await import('./completion.ts')).addCompletion,
  },
  {
    name: 'version',
    topic: 'Other:',
    summary: 'print the version',
    load: async () => (await import('./version.ts')).addVersion,
  },
];

const WITH_VALUE = new Set(['--data', '--server', '--context']);

/** The first word that is neither an option nor its value. */
export function findNoun(line: readonly string[]): string | undefined {
  for (let i = 0; i < line.length; i++) {
    const word = line[i] ?? '';
    if (WITH_VALUE.has(word)) i++;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}
