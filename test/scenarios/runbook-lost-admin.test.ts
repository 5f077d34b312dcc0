/** The runbooks “The key of an issuer leaked” and “The admin is lost”, where the issuer is that of the admin. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Installation,
  install,
  pause,
  type Run,
  type SpawnedServer,
  spawnServer,
  tryRun,
} from '../support/spawned-server.ts';

let at: Installation;
let server: SpawnedServer;
const chancery = (...args: readonly string[]): Promise<Run> => tryRun([...args, '--data', at.data]);

beforeAll(async () => {
  at = await install();
  server = await spawnServer(at);
});
afterAll(async () => {
  await server.kill('SIGTERM');
  await at.remove();
});

test(
  'whoever revokes the issuer of the admin is warned, locked out, and back in with `recover`',
  { timeout: 90_000 },
  async () => {
    const look = await chancery('issuer', 'revoke', 'clients-1', '--dry-run');
    expect(look, look.stderr).toMatchObject({ code: 0 });
    expect(look.stderr).toContain('locked out, you too');
    const revoked = await chancery('issuer', 'revoke', 'clients-1', '--reason', 'cACompromise', '--yes');
    expect(revoked, revoked.stderr).toMatchObject({ code: 0 });

    const refused = await chancery('issuer', 'list');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('was revoked by its root');

    // another generation is there without anybody, and published
    const published = (): Promise<number> =>
      fetch(`http://127.0.0.1:${at.status}/crl/clients-2/full.crl`).then(({ status }) => status);
    for (let i = 0; i < 100 && (await published()) !== 200; i++) await pause(100);
    expect(await published()).toBe(200);

    const running = await chancery('server', 'admin', 'recover', '--config', at.config);
    expect(running.code, 'the server runs').not.toBe(0);
    expect(await server.kill('SIGTERM')).toBe(0);
    const recovered = await chancery('server', 'admin', 'recover', '--config', at.config);
    expect(recovered, recovered.stderr).toMatchObject({ code: 0 });
    server = await spawnServer(at);

    const shown = await chancery('issuer', 'show', 'clients');
    expect(shown, shown.stderr).toMatchObject({ code: 0 });
    expect(shown.stdout).toMatch(/clients-1 +superseded, .*revoked/);
    expect(shown.stdout).toMatch(/clients-2 +current/);
    const audit = await chancery('audit', 'list', '--limit', '200', '-o', 'json');
    for (const event of ['generation.revoked', 'generation.activated', 'admin.recovered'])
      expect(audit.stdout, event).toContain(event);
  },
);
