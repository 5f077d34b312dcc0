/** What anybody may read at the HTTPS port besides the API. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, formatInstant } from '../base/clock.ts';
import type { Configuration } from '../config/index.ts';
import type { PublicPage } from '../http/admin/listener.ts';
import { renderStartPage, START_PAGE_POLICY } from '../http/ui/start-page.ts';
import { certificateFingerprint } from '../x509/certificate.ts';
import type { Authority } from './authority.ts';
import { packageFolder } from './package.ts';
import { at, command, outFolder } from './typed.ts';

export interface PageFacts {
  readonly config: Configuration;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly version: string;
  readonly startedAt: number;
  readonly rootsFile: string;
  readonly statusUrl: string;
}

export function publicPages(facts: PageFacts): PublicPage[] {
  const openapi = join(packageFolder(), 'openapi.yaml');
  return [
    { path: '/', type: 'html', policy: START_PAGE_POLICY, body: () => startPage(facts) },
    { path: '/roots.pem', type: 'application/x-pem-file', body: () => readFileSync(facts.rootsFile, 'utf8') },
    ...(existsSync(openapi)
      ? [{ path: '/openapi.yaml', type: 'application/yaml', body: () => readFileSync(openapi, 'utf8') }]
      : []),
  ];
}

function startPage({ config, authority, clock, version, startedAt, statusUrl }: PageFacts): string {
  const now = clock.now();
  const here = at(config.data);
  return renderStartPage({
    version,
    trustDomain: config.trustDomain,
    startedAt: formatInstant(startedAt),
    now: formatInstant(now),
    roots: authority
      .roots()
      .filter((root) => authority.rootState(root) !== 'retired')
      .map(({ name, certificate }) => ({
        name,
        fingerprint: certificateFingerprint(certificate.raw),
        notAfter: formatInstant(certificate.notAfter),
      })),
    issuers: authority.allGenerations().map((generation) => ({
      name: generation.issuer,
      generation: generation.id,
      profiles: config.issuers.find(({ name }) => name === generation.issuer)?.profiles ?? [],
      notAfter: formatInstant(generation.certificate.notAfter),
      state: generation.stopped === null ? authority.state(generation) : 'stopped',
    })),
    next: [
      {
        why: `Issue a certificate for a workload; key and certificate are written to ./${outFolder('app')}.`,
        command: `${command()} cert issue${here} --profile workload --uri /app --out ${outFolder('app')}`,
      },
      {
        why: 'See who may get what, and why a request would be refused.',
        command: `${command()} grant explain${here} --principal mtls:workload:spiffe://${config.trustDomain}/app --profile server --dns www.example.com`,
      },
      {
        why: 'See what revoking it would hit; without --dry-run it is revoked, for ever.',
        command: `${command()} cert revoke${here} ${outFolder('app')} --dry-run`,
      },
      {
        why: 'See what is kept renewed, and whether it is being served.',
        command: `${command()} managed list${here}`,
      },
      { why: 'Look at what happened.', command: `${command()} audit list${here}` },
    ],
    links: [
      { href: '/roots.pem', label: 'roots.pem' },
      { href: '/openapi.yaml', label: 'openapi.yaml' },
      { href: `${statusUrl}/readyz`, label: 'readiness' },
    ],
  });
}
