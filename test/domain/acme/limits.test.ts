import { beforeEach, describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../../src/base/clock.ts';
import type { Rate } from '../../../src/base/rate.ts';
import { certificateId } from '../../../src/domain/acme/renewal-info.ts';
import {
  type AcmeOptions,
  accountKey,
  csrFor,
  failure,
  makeAcme,
  problemOf,
  type TestAcme,
  type TestClient,
} from '../../support/acme.ts';

const WWW = ['www.example.test'];
const B = ['b.example.test'];
const once = (interval: number): Rate => ({ burst: 1, interval });

let acme: TestAcme;
let client: TestClient;

async function start(options: AcmeOptions): Promise<void> {
  acme = await makeAcme(options);
  client = acme.client();
  await client.register();
}

/** `rateLimited 429 60`, where the last is Retry-After. */
async function limitedFor(answer: Promise<unknown>): Promise<string> {
  const { type, status, detail } = await problemOf(answer);
  return `${type} ${status} ${detail.retryAfter}`;
}

async function failValidation(names: readonly string[]): Promise<void> {
  acme.probe.outcomes = [failure(false)];
  const order = await client.order(names);
  await client.authorize(order).catch(() => undefined);
  await acme.server.validations.idle();
  acme.probe.outcomes = [{ ok: true, address: '192.0.2.7:80', log: [] }];
}

describe('RFC 8555 6.6, new accounts from an address', () => {
  beforeEach(() => start({ limits: { accountsPerAddress: { burst: 2, interval: MINUTE } } }));
  const from = (address: string): Promise<unknown> => {
    const other = acme.client(accountKey());
    other.address = address;
    return other.register();
  };

  it('are counted, with the time to come again; who has an account gets it', async () => {
    await from('192.0.2.7');
    await from('192.0.2.7');
    expect(await limitedFor(from('192.0.2.7'))).toBe('rateLimited 429 60');
    expect(await from('192.0.2.2')).toBeDefined();
    client.kid = undefined;
    expect((await client.register()).status).toBe(200);
    acme.pipeline.clock.advance(MINUTE);
    await from('192.0.2.7');
  });

  it('an IPv4 address is the same as IPv6 maps it; of IPv6 a /64 is one', async () => {
    await from('192.0.2.7');
    await from('::ffff:192.0.2.7');
    expect(await limitedFor(from('192.0.2.7'))).toBe('rateLimited 429 60');
    await from('2001:db8::1');
    await from('2001:db8::ffff:1');
    expect(await limitedFor(from('2001:db8:0:0:9::'))).toBe('rateLimited 429 60');
    await from('2001:db8:0:1::1');
  });
});

describe('RFC 8555 6.6, certificates for the same names', () => {
  beforeEach(() => start({ limits: { certificatesPerNames: { burst: 1, interval: DAY } } }));

  it('are counted by account, in whichever order the names stand; others are not hit', async () => {
    await client.obtain([...WWW, ...B]);
    expect(await limitedFor(client.order([...B, ...WWW]))).toBe('rateLimited 429 86400');
    await client.obtain(WWW);
    const other = acme.client();
    await other.register();
    await other.obtain([...WWW, ...B]);
    acme.pipeline.clock.advance(DAY);
    await client.obtain([...WWW, ...B]);
  });

  it('orders that began side by side are counted when they are finalized, and can be finalized later', async () => {
    const [first, second] = [await client.order(WWW), await client.order(WWW)];
    await client.authorize(first);
    await client.authorize(second);
    await client.finalize(first, await csrFor(WWW));
    expect(await limitedFor(client.finalize(second, await csrFor(WWW)))).toBe('rateLimited 429 86400');
    expect((await client.post(second.url)).json['status']).toBe('ready');
    expect(acme.store.inventory.count()).toBe(1);
    acme.pipeline.clock.advance(DAY - MINUTE);
    expect(await limitedFor(client.finalize(second, await csrFor(WWW)))).toBe('rateLimited 429 60');
  });

  it('a request that is refused counts for none', async () => {
    const order = await client.order(WWW);
    await client.authorize(order);
    await problemOf(client.finalize(order, await csrFor(B)));
    expect((await client.finalize(order, await csrFor(WWW))).json['status']).toBe('valid');
  });

  it('RFC 9773 5: what replaces a certificate is not held up by the limits on its names', async () => {
    await start({ limits: { certificatesPerNames: once(DAY), ordersPerName: once(DAY) } });
    const { serial } = await client.obtain(WWW);
    expect(await limitedFor(client.order(WWW))).toBe('rateLimited 429 86400');
    await client.obtain(WWW, { replaces: certificateId(acme.ports, serial) });
    expect(acme.store.inventory.count()).toBe(2);
  });
});

describe('RFC 8555 6.6, failed validations', () => {
  beforeEach(() => start({ limits: { failuresPerName: { burst: 2, interval: HOUR } } }));

  it('of a name by an account are counted; over the limit no order with it begins', async () => {
    await failValidation(WWW);
    await client.order(WWW);
    await failValidation(WWW);
    expect(await limitedFor(client.order([...B, ...WWW]))).toBe('rateLimited 429 3600');
    expect(await limitedFor(client.order(['*.www.example.test']))).toBe('rateLimited 429 3600');
    await client.order(B);
    const other = acme.client();
    await other.register();
    await other.order(WWW);
    acme.pipeline.clock.advance(HOUR);
    await client.order(WWW);
  });

  it('what succeeds counts for none', async () => {
    for (let i = 0; i < 4; i++) await client.obtain(WWW);
  });
});

describe('RFC 8555 7.3.3, terms', () => {
  const terms = 'https://ca.example.test/terms';

  it('that changed are agreed to again before the next order', async () => {
    const directory: AcmeOptions['directory'] = { terms };
    acme = await makeAcme({ directory });
    client = acme.client();
    await client.register({ termsOfServiceAgreed: true });
    await client.order(WWW);
    acme.pipeline.clock.advance(DAY);
    const since = acme.pipeline.clock.now();
    Object.assign(acme.ports.directories.get('servers') as object, { termsSince: since });
    const problem = await problemOf(client.order(WWW));
    expect([problem.type, problem.status]).toEqual(['userActionRequired', 403]);
    expect(problem.detail).toMatchObject({
      link: { url: terms, relation: 'terms-of-service' },
      data: { instance: terms },
    });
    await client.post(client.kid ?? '', { termsOfServiceAgreed: true });
    expect((await client.order(WWW)).reply.status).toBe(201);
  });
});
