/** `server admin accept-clock`: the way out where a clock that had leapt ahead wrote a bogus time into the log. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, formatInstant } from '../../src/base/clock.ts';
import { acceptClock } from '../../src/server/accept-clock.ts';
import { openData } from '../../src/server/open.ts';
import { resolveConfiguration } from '../../src/server/options.ts';
import { recoverAdmin } from '../../src/server/recover.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { auditDraft } from '../support/records.ts';
import { refusalOfAsync } from '../support/errors.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

let running: TestServer;
beforeAll(async () => {
  running = await startTestServer();
});
afterAll(() => running.stop());

const options = () => ({
  data: running.data,
  config: join(running.data, '..', 'chancery.yaml'),
  env: {},
  cwd: running.data,
  say: () => undefined,
});

/** What a server writes whose clock is two days ahead. */
async function writeAhead(time: number): Promise<void> {
  const opened = await openData({
    config: await resolveConfiguration(options()),
    log: createLog({ level: 'warn' }),
    createKeys: false,
    onFatal(error) {
      throw error;
    },
  });
  await opened.trail.record([auditDraft({ time })]);
  await opened.close();
}

test('a running server is left alone', async () => {
  expect((await refusalOfAsync(() => acceptClock(options()))).code).toBe('unsafe_files');
});

test('nothing is signed while the log is ahead; an operator accepts the clock, and it is on record who', async () => {
  await running.server.stop();
  const ahead = Date.now() + 2 * DAY;
  await writeAhead(ahead);
  const { code, detail } = await refusalOfAsync(() => recoverAdmin(options()));
  expect(code).toBe('clock_went_back');
  expect(detail.fix).toContain('chancery server admin accept-clock');

  expect((await acceptClock(options())).before).toBe(formatInstant(ahead));
  await running.restart();
  const { json } = await running.ask('GET', '/api/v1/audit?limit=50');
  const { entries } = json as { entries: Record<string, unknown>[] };
  expect(entries.find(({ event }) => event === 'clock.accepted')).toMatchObject({
    principal: `local:uid:${process.getuid?.()}`,
    details: { before: formatInstant(ahead) },
  });
});
