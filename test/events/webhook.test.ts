/** Webhooks: everything in order, signed, at least once; a receiver that is down, and a sender that dies. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatInstant, type Instant, SECOND } from '../../src/base/clock.ts';
import type { WebhookPlaces } from '../../src/domain/audit/ports.ts';
import { postEvent } from '../../src/events/post.ts';
import { readSecret } from '../../src/events/signature.ts';
import { Webhook } from '../../src/events/webhook.ts';
import { SILENT } from '../db/sqlite/test-store.ts';
import { FakeClock } from '../fakes/clock.ts';

const T0 = Date.UTC(2026, 0, 1);
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function receiver(status: () => number): Promise<{ url: URL; got: Got[] }> {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(status(), { location: 'http://127.0.0.1:1/elsewhere' }).end('x');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`), got };
}

function log(now: () => Instant) {
  const entries: { sequence: number; body: string; hash: string }[] = [];
  return {
    audit: {
      entries: (from: number, limit: number) =>
        entries.filter(({ sequence }) => sequence >= from).slice(0, limit),
      last: () => entries.at(-1),
    },
    add(event: string, details: object = {}) {
      const body = JSON.stringify({ event, time: formatInstant(now()), outcome: 'allowed', details });
      entries.push({ sequence: entries.length + 1, body, hash: '' });
    },
  };
}

function places(): WebhookPlaces {
  const kept = new Map<string, number>();
  return {
    place: (webhook) => kept.get(webhook),
    putPlace: (webhook, sequence) => Promise.resolve(void kept.set(webhook, sequence)),
  };
}

async function world(status = (): number => 204, types: readonly string[] = []) {
  const clock = new FakeClock(T0);
  const { url, got } = await receiver(status);
  const record = log(() => clock.now());
  const { audit } = record;
  const add = (event: string, details?: object): void => record.add(event, details);
  const kept = places();
  const make = (): Webhook =>
    new Webhook({
      ...{ url, clock, audit, types, places: kept, label: '0', log: SILENT, trustDomain: 'example.test' },
      secret: () => `${SECRET}\n`,
      ownerOf: (managed) => (managed === 'shop' ? 'web team' : undefined),
      post: (to, headers, body, signal) => postEvent(to, headers, body, undefined, signal),
    });
  const settle = async (webhook: Webhook): Promise<void> => {
    webhook.tick();
    await webhook.idle();
  };
  return { clock, got, add, make, settle, kept, url };
}

const idsOf = (got: readonly Got[]): unknown[] => got.map(({ headers }) => headers['webhook-id']);

describe('a webhook', () => {
  test('gets signed CloudEvents of managed certificates, and nothing of others or of what was declared', async () => {
    const { add, make, settle, got } = await world();
    add('managed.started', { managed: 'old' });
    const webhook = make();
    await settle(webhook);
    expect(got).toEqual([]); // who is new is told of what comes
    add('login', {});
    add('managed.applied', { managed: 'shop', spec: '{"secret":"x"}', before: 'y', rule: 'r' });
    await settle(webhook);
    expect(got).toHaveLength(1);
    const [{ headers, body }] = got as [Got];
    expect(JSON.parse(body)).toEqual({
      specversion: '1.0',
      id: 'example.test:3',
      source: '//example.test/chancery',
      type: 'chancery.managed.applied',
      subject: 'shop',
      time: formatInstant(T0),
      datacontenttype: 'application/json',
      data: { outcome: 'allowed', owner: 'web team', managed: 'shop' },
    });
    expect(headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    // as a receiver checks it: https://www.standardwebhooks.com
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
    const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    expect(headers['webhook-timestamp']).toBe(String(T0 / 1000));
  });

  test('is asked ever more seldom while it is down, and then gets everything in order', async () => {
    let status = 503;
    const { add, make, settle, got, clock } = await world(() => status);
    const webhook = make();
    await settle(webhook);
    for (let i = 0; i < 3; i += 1) add('managed.staged', { managed: `m${i}` });
    for (let second = 0; second < 600; second += 1) {
      await settle(webhook);
      clock.advance(SECOND);
    }
    expect(new Set(idsOf(got))).toEqual(new Set(['example.test:1']));
    expect(got.length).toBeLessThanOrEqual(10);
    expect(webhook.state).toEqual({ webhook: '0', behind: 3, failures: got.length });
    status = 200;
    clock.advance(3600 * SECOND);
    got.length = 0;
    await settle(webhook);
    expect(idsOf(got)).toEqual(['example.test:1', 'example.test:2', 'example.test:3']);
    expect(webhook.state.behind).toBe(0);
  });

  test('loses none by a kill -9: the next process goes on, with the same ids', async () => {
    const { add, make, settle, got } = await world();
    const first = make();
    await settle(first);
    add('managed.staged');
    await settle(first);
    add('managed.verified'); // the process dies here
    const second = make();
    await settle(second);
    expect(idsOf(got)).toEqual(['example.test:1', 'example.test:2']);
  });

  test('gets only what it wants, by beginnings', async () => {
    const { add, make, settle, got } = await world(() => 204, ['managed.rolled-back', 'authority']);
    const webhook = make();
    await settle(webhook);
    for (const event of [
      'managed.staged',
      'managed.rolled-back',
      'authority.applied',
      'authority.account.created',
    ])
      add(event);
    await settle(webhook);
    expect(idsOf(got)).toEqual(['example.test:2', 'example.test:3', 'example.test:4']);
  });

  test('is not followed elsewhere', async () => {
    const { add, make, settle, got } = await world(() => 307);
    const webhook = make();
    await settle(webhook);
    add('managed.staged');
    await settle(webhook);
    expect(got).toHaveLength(1);
    expect(webhook.state).toMatchObject({ behind: 1, failures: 1 });
  });
});

test('a secret of under 24 octets signs nothing', () => {
  expect(() => readSecret('short')).toThrow(/24 octets/);
  expect(readSecret(`${'x'.repeat(24)}\n`)).toHaveLength(24);
});
