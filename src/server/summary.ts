/** What the programs say to a person: where things are, what is going on, what to type next. */
import type { Configuration } from '../config/index.ts';
import type { Initialized } from './initialize.ts';
import type { RunningServer } from './run.ts';
import { at, command, outFolder } from './typed.ts';

const grouped = (hex: string): string =>
  hex
    .toUpperCase()
    .match(/.{1,4}/g)
    ?.join(' ') ?? hex;

const warned = (warnings: readonly string[]): string[] => warnings.map((warning) => `warning: ${warning}`);

export function initializedSummary({
  data,
  trustDomain,
  existed,
  made,
  roots,
  warnings,
}: Initialized): string[] {
  return [
    made.length === 0
      ? `${data} is an authority for ${trustDomain} already; nothing was missing`
      : `${existed ? 'added to' : 'made'} an authority for ${trustDomain} in ${data}: ${made.join(', ')}`,
    ...roots.map(
      ({ name, fingerprint, notAfter }) =>
        `  root ${name}, valid until ${notAfter}\n    SHA-256 ${grouped(fingerprint)}`,
    ),
    ...warned(warnings),
    `next: ${command()} server${at(data)}`,
  ];
}

export function serverSummary(config: Configuration, server: RunningServer): string[] {
  return [
    `chancery serves ${config.trustDomain}`,
    ...where(config, server),
    `next: ${command()} cert issue${at(config.data)} --profile workload --uri /app --out app`,
  ];
}

const where = (config: Configuration, { urls, moved, roots }: RunningServer): string[] => [
  `  page and API  ${urls.https}`,
  `  status        ${urls.status}`,
  `  metrics       ${urls.metrics}`,
  `  state         ${config.data}`,
  ...moved.map(({ listener, from, to }) => `  port ${from} was taken, so listen.${listener} moved to ${to}`),
  ...roots.map(({ name, fingerprint }) => `  root ${name.padEnd(8)} SHA-256 ${grouped(fingerprint)}`),
];

export function developmentSummary(config: Configuration, server: RunningServer): string[] {
  return [
    '',
    `chancery serves ${config.trustDomain}`,
    '',
    ...where(config, server),
    '',
    'The keys are sealed under a development file beside them: good for trying, not for production.',
    'Two sample services with two-minute certificates call each other over mTLS every second.',
    'Each renews at half of its life, with the certificate that it holds; watch the serial numbers. Ctrl-C stops all.',
    '',
  ];
}

export const firstRotation = (config: Configuration): string[] => [
  '',
  'That was a rotation: no call failed. Now you, in another terminal:',
  '',
  `  ${command()} cert issue${at(config.data)} --profile workload --uri /me --out ${outFolder('me')}`,
  `  ${command()} grant explain${at(config.data)} --principal mtls:workload:spiffe://${config.trustDomain}/me --profile server --dns www.example.com`,
  `  ${command()} audit list${at(config.data)}`,
  '',
];
