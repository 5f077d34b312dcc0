/** The listener's certificate is renewed once when it is due, however often that is asked. */
import { expect, test } from 'vitest';
import { DAY, MINUTE } from '../../src/base/clock.ts';
import { listenerIssuer } from '../../src/config/index.ts';
import type { Authority } from '../../src/server/authority.ts';
import { listenerGrant } from '../../src/server/builtin-grants.ts';
import { requireChoice } from '../../src/server/admin-login.ts';
import { OwnCertificate, ownNames } from '../../src/server/own-certificate.ts';
import { load } from '../config/workbench.ts';
import { SILENT } from '../db/sqlite/test-store.ts';
import { makePipeline } from '../support/pipeline.ts';

async function makeOwn() {
  const config = await load(undefined);
  const { ports, clock } = await makePipeline();
  const grants = [listenerGrant(requireChoice(listenerIssuer(config)), ownNames(config))];
  const authority = { policies: () => [] } as unknown as Authority;
  const state = { refuses: false };
  const own = new OwnCertificate({
    config,
    authority,
    log: SILENT,
    ports: { ...ports, grants: () => (state.refuses ? [] : grants) },
  });
  await own.issue();
  let rotations = 0;
  return { clock, state, renew: () => own.renewWhenDue(() => rotations++), rotations: () => rotations };
}

test('who asks while a renewal is on its way begins no second one', async () => {
  const { clock, renew, rotations } = await makeOwn();
  await renew();
  expect(rotations()).toBe(0);
  clock.advance(5 * DAY);
  await Promise.all([renew(), renew(), renew()]);
  expect(rotations()).toBe(1);
  await renew();
  expect(rotations()).toBe(1);
});

test('a renewal that failed is tried again a minute later', async () => {
  const { clock, state, renew, rotations } = await makeOwn();
  clock.advance(5 * DAY);
  state.refuses = true;
  await renew();
  state.refuses = false;
  clock.advance(MINUTE - 1);
  await renew();
  expect(rotations()).toBe(0);
  clock.advance(1);
  await renew();
  expect(rotations()).toBe(1);
});
