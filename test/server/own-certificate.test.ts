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
  const { ports, clock, ledger } = await makePipeline();
  const grants = [listenerGrant(requireChoice(listenerIssuer(config)), ownNames(config))];
  const state = { refuses: false, generationRevokedAt: null as number | null };
  const authority = {
    policies: () => [],
    generation: () => ({ revokedAt: state.generationRevokedAt }),
  } as unknown as Authority;
  const own = new OwnCertificate({
    config,
    authority,
    log: SILENT,
    ports: { ...ports, grants: () => (state.refuses ? [] : grants) },
  });
  await own.issue();
  let rotations = 0;
  const current = () => ledger.store.certificates.at(-1)?.serial ?? '';
  return {
    clock,
    ledger,
    current,
    state,
    renew: () => own.renewWhenDue(() => rotations++),
    rotations: () => rotations,
  };
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

test('one that was revoked is replaced at once, and no second time', async () => {
  const { clock, ledger, current, renew, rotations } = await makeOwn();
  const before = current();
  ledger.store.revoke(before, clock.now(), 1);
  await renew();
  expect(rotations()).toBe(1);
  expect(current()).not.toBe(before);
  await renew();
  expect(rotations()).toBe(1);
  ledger.store.revoke(current(), clock.now(), 1);
  await renew();
  expect(rotations()).toBe(2);
});

test('one of a generation that its root revoked likewise; what fails is not asked for at every tick', async () => {
  const { clock, state, renew, rotations } = await makeOwn();
  state.generationRevokedAt = clock.now();
  state.refuses = true;
  await renew();
  state.refuses = false;
  await renew();
  expect(rotations()).toBe(0);
  clock.advance(MINUTE);
  await renew();
  expect(rotations()).toBe(1);
});
