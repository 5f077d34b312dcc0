/** `chancery doctor`: looks at a data folder and its server, running or stopped, and changes nothing. */
import { isChanceryError } from '../../base/errors.ts';
import { dataPaths, requireAuthority } from '../data.ts';
import { type ProgramOptions, resolveConfiguration } from '../options.ts';
import { CHECKS } from './checks.ts';
import { type Facts, gather, type Surroundings, surroundings } from './facts.ts';
import { type Finding, type Said, warning } from './finding.ts';

/** Every finding, in the order of the checks. Throws `no_authority` or `invalid_configuration`. */
export async function examine(
  options: ProgramOptions,
  around: Partial<Surroundings> = {},
): Promise<readonly Finding[]> {
  const config = await resolveConfiguration(options);
  requireAuthority(dataPaths(config.data));
  const facts = await gather(config, { ...surroundings(), ...around });
  try {
    const findings: Finding[] = [];
    for (const { id, look } of CHECKS)
      for (const said of await lookSafely(look, facts))
        findings.push({ check: id, ...said, docs: `docs/reference/doctor.md#${id}` });
    return findings;
  } finally {
    if ('value' in facts.store) facts.store.value.close();
  }
}

/** A check that fails is a finding: the others still have something to say. */
async function lookSafely(look: (typeof CHECKS)[number]['look'], facts: Facts): Promise<readonly Said[]> {
  try {
    return await look(facts);
  } catch (error) {
    const fix = isChanceryError(error) ? error.detail.fix : undefined;
    return [
      warning(
        `could not be checked: ${error instanceof Error ? error.message : String(error)}`,
        fix ?? 'Run it as the user that the data folder belongs to.',
      ),
    ];
  }
}
