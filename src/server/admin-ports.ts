/** What the operations of /api/v1 need, wired. */
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Configuration } from '../config/index.ts';
import type { GrantBook } from '../domain/identity/grant-book.ts';
import { loginFault } from '../domain/issuance/generations.ts';
import type { IssuancePorts } from '../domain/issuance/request.ts';
import type { AdminPorts } from '../http/admin/ports.ts';
import { acmeOperator } from './acme.ts';
import type { IssuerCrls } from './crls.ts';
import type { Lifecycle } from './lifecycle.ts';
import { loginPorts } from './logins.ts';
import { observe } from './observe.ts';
import type { OpenedData } from './open.ts';

export interface AdminPortsOptions extends Pick<
  AdminPorts,
  'version' | 'startedAt' | 'enrolment' | 'presented' | 'revocation' | 'managed'
> {
  readonly opened: OpenedData;
  readonly config: Configuration;
  readonly log: Log;
  readonly issuance: IssuancePorts;
  readonly lifecycle: Lifecycle;
  readonly crls: IssuerCrls;
  readonly grants: GrantBook;
  readonly metrics: Metrics;
}

export function adminPorts(options: AdminPortsOptions): AdminPorts {
  const { opened, config, log, lifecycle, metrics } = options;
  const { store, trail, clock, authority } = opened;
  return {
    clock,
    trustDomain: config.trustDomain,
    version: options.version,
    startedAt: options.startedAt,
    issuance: options.issuance,
    inventory: store.inventory,
    revocation: options.revocation,
    acme: acmeOperator(opened, config, options.issuance),
    schedule: { revocation: options.revocation, scheduled: store.scheduled, random: opened.random },
    authority,
    generations: lifecycle.hierarchy,
    past: lifecycle.past,
    roots: lifecycle.roots,
    crls: options.crls,
    managed: options.managed,
    grants: options.grants,
    loginRules: loginRules(config, authority),
    presented: options.presented,
    ...loginPorts(config.logins, { clock, log }),
    tokens: store.tokens,
    enrolment: options.enrolment,
    audit: store.audit,
    signHead: () => trail.signNow(),
    exportAudit: () => trail.exportLines(),
    record: (audit) => trail.record(audit),
    refusedAnonymous: (error, address) => trail.refusedAnonymous(error, address),
    answered: (answered) => observe(metrics, log, answered),
  };
}

const loginRules = (
  { issuers, profiles }: Configuration,
  authority: OpenedData['authority'],
): AdminPorts['loginRules'] => ({
  issuers: new Set(issuers.filter(({ authenticates }) => authenticates).map(({ name }) => name)),
  profiles: new Set([...profiles.values()].filter(({ login }) => login).map(({ name }) => name)),
  generationFault: (id, now) => loginFault(authority.generation(id), now),
});
