import { spawnSync } from 'node:child_process';
import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChanceryError } from '../../src/base/errors.ts';
import type { LogFields } from '../../src/base/log.ts';
import { createLog, type LogLevel } from '../../src/telemetry/log.ts';
import { isSecretName, redact, redactText } from '../../src/telemetry/redact.ts';

function capture(level: LogLevel = 'debug'): { log: ReturnType<typeof createLog>; lines: string[] } {
  const lines: string[] = [];
  return { log: createLog({ level, destination: { write: (line) => void lines.push(line) } }), lines };
}

function logged(message: string, fields?: LogFields): Record<string, unknown> {
  const { log, lines } = capture();
  log.info(message, fields);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

describe('the log', () => {
  it('is one JSON object a line, with level, time and message', () => {
    expect(logged('listening', { port: 8443 })).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      message: 'listening',
      port: 8443,
    });
  });

  it('says nothing below its level', () => {
    const { log, lines } = capture('warn');
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['c', 'd']);
  });

  it('lets no input make a second line, steer a terminal or replace a field', () => {
    const { log, lines } = capture();
    log.info('a\n{"level":"error"}\r\u001b[2J\u009b2J\u2028\u202e', {
      level: 'x',
      message: 'y',
      time: 'z',
      name: 'a\nb',
    });
    expect(lines.join('').match(/\n/g)).toHaveLength(1);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(lines.join('').trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      level_: 'x',
      message_: 'y',
      time_: 'z',
    });
  });

  it('unfolds errors: the code of ours, the stack of others', () => {
    const ours = new ChanceryError('weak_key', 'too short', { cause: new Error('because') });
    expect(logged('x', { error: ours })['error']).toMatchObject({
      name: 'ChanceryError',
      code: 'weak_key',
      message: 'too short',
      cause: { message: 'because' },
    });
    expect(logged('x', { error: ours })['error']).not.toHaveProperty('stack');
    expect(logged('x', { err: new TypeError('y') })['err']).toMatchObject({
      name: 'TypeError',
      stack: expect.stringContaining('log.test') as string,
    });
  });

  it('survives whatever is logged', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const odd = {
      circular,
      big: 10n,
      f: () => 1,
      s: Symbol('x'),
      nan: NaN,
      none: undefined,
      day: new Date(NaN),
      map: new Map([['a', 1]]),
      long: 'x'.repeat(100_000),
    };
    const line = logged('odd', odd);
    expect(line['circular']).toEqual({ self: '[circular]' });
    expect(String(line['long']).length).toBeLessThan(5000);
  });

  it('is flushed when the process ends at once', () => {
    const script = `const { createLog } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/telemetry/log.ts'))});
      const log = createLog({ level: 'info' });
      for (let i = 0; i < 500; i++) log.error('last words ' + i);
      process.exit(7);`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      encoding: 'utf8',
    });
    expect(status).toBe(7);
    expect(stderr.trimEnd().split('\n')).toHaveLength(500);
  });
});

describe('secrets in the log (D18)', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const canary = 'canary-4711';
  const planted: Readonly<Record<string, LogFields>> = {
    'a private key as PEM': { body: `x ${pem} y` },
    'a torn private key': { body: pem.slice(0, 100) },
    'a token': { anything: `chy_${canary}` },
    'a bearer header': { headers: { authorization: `Bearer ${canary}-0123456789` } },
    'a bearer header in a text': { note: `sent Authorization: Bearer ${canary}-0123456789` },
    'a JSON web token': { note: `eyJhbGciOiJFUzI1NiJ9.${canary}-payload.${canary}` },
    'a passphrase': { passphrase: canary },
    'an EAB key': { eab: { kid: 'k', hmacKey: canary } },
    'a nonce MAC': { 'nonce-mac-key': canary },
    'a password in a URL': { url: `postgres://chancery:${canary}@db/chancery` },
    'a token in a query': { url: `/x?token=${canary}&y=1` },
    'a key object': { keyObject: createSecretKey(Buffer.from(canary)) },
    'a buffer': { data: Buffer.from(canary) },
    'an array of secrets': { tokens: [canary] },
    'a JWK': { jwk: { kty: 'EC', d: canary } },
    'a deep one': { a: { b: { c: { d: { e: { f: { g: { secret: canary } } } } } } } },
    'an error': { error: new Error(`cannot use chy_${canary}`, { cause: { password: canary } }) },
    'a cookie': { cookies: { session: canary } },
  };

  it.each(Object.entries(planted))('%s is not there', (_, fields) => {
    const text = JSON.stringify(logged('planted', fields));
    expect(text).not.toContain(canary);
    expect(text).not.toContain(pem.split('\n')[1]);
    expect(text).not.toContain('BEGIN');
  });

  it('is not there in a message', () => {
    expect(JSON.stringify(logged(`refused chy_${canary} and ${pem}`))).not.toMatch(/canary|BEGIN/);
  });

  it('leaves what operators need', () => {
    const fields = {
      keyId: 'ab', keyType: 'ecdsa-p256', publicKey: 'pub', keyFingerprint: 'cd', tokenFile: '/run/token', serial: '7f', idempotency: 'x',
      key_algorithm: 'rsa', passphraseFile: '/p', monkey: 'm', keyboard: 'k', tokenized: 't', machine: 'h', names: ['uri:spiffe://example.test/app'], secretsRead: true,
    }; // prettier-ignore
    expect(redact(fields)).toEqual(fields);
  });

  it.each([
    'key',
    'KEY',
    'privateKey',
    'private_key_pem',
    'HMACKey',
    'x-auth-token',
    'keyPassphrase',
    'clientSecret',
    'jwks',
    'kek',
    'API-KEY',
  ])('counts %s as the name of a secret', (name) => expect(isSecretName(name)).toBe(true));

  it('redacts in linear time', () => {
    const before = performance.now();
    for (const part of ['-----BEGIN PRIVATE KEY-----', 'a://', 'eyJ', 'Bearer ', 'token=', 'chy_', 'x:'])
      redactText(part.repeat(20_000));
    expect(performance.now() - before).toBeLessThan(2000);
  });
});
