/** `chancery dev` where the sample services cannot be had. */
import { expect, onTestFinished, test } from 'vitest';
import { install, tryRun } from '../support/spawned-server.ts';

test('ends, and its server with it, when no issuer certifies workloads', { timeout: 30_000 }, async () => {
  const extra =
    'issuers: { clients: { root: internal, profiles: [client], authenticates: true }, servers: { root: internal, profiles: [server] } }';
  const { data, config, ...installation } = await install(extra);
  onTestFinished(() => installation.remove());
  const { code, stderr } = await tryRun(['dev', '--data', data, '--config', config]);
  expect(code).toBe(2);
  expect(stderr).toContain('none issue with the profile workload');
});
