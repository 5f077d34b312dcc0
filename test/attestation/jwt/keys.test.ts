import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { discoveryUrl, keySetUrl } from '../../../src/attestation/jwt/discovery.ts';
import { FileKeys } from '../../../src/attestation/jwt/file-keys.ts';
import { type KeySet, parseKeySet } from '../../../src/attestation/jwt/key-set.ts';
import { RemoteKeys } from '../../../src/attestation/jwt/remote-keys.ts';
import { HOUR, MINUTE, SECOND } from '../../../src/base/clock.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { refusalOfAsync } from '../../support/errors.ts';
import { makeKey } from '../../support/tokens.ts';

const ONE = makeKey('ES256', 'one');
const TWO = makeKey('ES256', 'two');
const setOf = (...keys: readonly { readonly jwk: unknown }[]): string =>
  JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
const ids = (keys: KeySet): (string | undefined)[] => keys.map(({ keyId }) => keyId);

function memoryLog() {
  const warnings: string[] = [];
  const none = () => undefined;
  const warn = (message: string, fields?: object) =>
    void warnings.push(JSON.stringify({ message, ...fields }));
  return { warnings, log: { debug: none, info: none, warn, error: none } };
}

describe('a key set', () => {
  it('gives what verifies signatures, and passes over the rest', () => {
    const text = setOf(ONE, { jwk: { kty: 'oct', k: 'c2VjcmV0' } }, makeKey('RS256-1024', 'weak'), TWO);
    expect(ids(parseKeySet(text))).toEqual(['one', 'two']);
  });

  it.each<[string, string, RegExp]>([
    ['no JSON', '<html>', /no key set/],
    ['a list', '[]', /no key set/],
    ['another document', '{"issuer":"x"}', /no key set/],
    ['no key', '{"keys":[]}', /none of its 0 keys/],
    ['no key of use', setOf(makeKey('RS256-1024', 'weak')), /none of its 1 keys/],
    ['keys twice', '{"keys":[],"keys":[]}', /no key set/],
    ['101 keys', setOf(...Array.from({ length: 101 }, () => ONE)), /101 keys/],
    ['over 256 KiB', ' '.repeat(256 * 1024) + setOf(ONE), /octets/],
  ])('is refused with %s', (_what, text, message) => {
    expect(() => parseKeySet(text)).toThrow(message);
  });
});

describe('discovery', () => {
  it('appends to the issuer with or without its slash', () => {
    expect(discoveryUrl('https://idp.test').href).toBe('https://idp.test/.well-known/openid-configuration');
    expect(discoveryUrl('https://idp.test/a/').href).toBe(
      'https://idp.test/a/.well-known/openid-configuration',
    );
  });

  const document = (more: object): string =>
    JSON.stringify({ issuer: 'https://idp.test', jwks_uri: 'https://keys.test/jwks', ...more });
  it('leads to the keys', () => {
    expect(keySetUrl(document({}), 'https://idp.test').href).toBe('https://keys.test/jwks');
  });
  it.each<[string, string]>([
    ['of another issuer', document({ issuer: 'https://evil.test' })],
    ['of the issuer with a slash', document({ issuer: 'https://idp.test/' })],
    ['without issuer', document({ issuer: undefined })],
    ['with keys over plain http', document({ jwks_uri: 'http://keys.test/jwks' })],
    ['with keys in a file', document({ jwks_uri: 'file:///etc/passwd' })],
    ['with a password', document({ jwks_uri: 'https://a:b@keys.test/jwks' })],
    ['without keys', document({ jwks_uri: undefined })],
    ['that is no JSON', '<html>'],
    [
      'with two issuers',
      '{"issuer":"https://evil.test","issuer":"https://idp.test","jwks_uri":"https://keys.test"}',
    ],
  ])('refuses a document %s', (_what, text) => {
    expect(() => keySetUrl(text, 'https://idp.test')).toThrow();
  });
});

describe('keys of a provider that is asked', () => {
  function remote() {
    const clock = new FakeClock();
    const { log, warnings } = memoryLog();
    const provider = { fetches: 0, down: false, set: setOf(ONE) };
    const fetch = async () => {
      provider.fetches++;
      await new Promise((resolve) => setImmediate(resolve));
      if (provider.down) throw new Error('ECONNREFUSED');
      return parseKeySet(provider.set);
    };
    return { clock, provider, warnings, keys: new RemoteKeys({ name: 'idp', fetch, clock, log }) };
  }

  it('are fetched once for everybody who waits, and kept for ten minutes', async () => {
    const { clock, provider, keys } = remote();
    await Promise.all(Array.from({ length: 50 }, () => keys.current()));
    expect(provider.fetches).toBe(1);
    clock.advance(10 * MINUTE - 1);
    await keys.current();
    expect(provider.fetches).toBe(1);
    provider.set = setOf(TWO);
    clock.advance(1);
    expect(ids(await keys.current())).toEqual(['two']);
    expect(provider.fetches).toBe(2);
  });

  it('are fetched again for a key that is not known, once in 30 seconds', async () => {
    const { clock, provider, keys } = remote();
    const seen = await keys.current();
    provider.set = setOf(ONE, TWO);
    const answers = await Promise.all(Array.from({ length: 50 }, () => keys.again(seen)));
    expect(answers.map(ids)).toEqual(Array.from({ length: 50 }, () => ['one', 'two']));
    expect(provider.fetches).toBe(2);
    const latest = await keys.current();
    for (let i = 0; i < 20; i++) await keys.again(latest);
    clock.advance(30 * SECOND - 1);
    await keys.again(latest);
    expect(provider.fetches).toBe(2);
    clock.advance(1);
    await keys.again(latest);
    expect(provider.fetches).toBe(3);
  });

  it('go on for an hour while the provider is down, and no longer', async () => {
    const { clock, provider, warnings, keys } = remote();
    await keys.current();
    provider.down = true;
    clock.advance(HOUR - 1);
    expect(ids(await keys.current())).toEqual(['one']);
    expect(provider.fetches).toBe(2);
    clock.advance(1);
    const { code, detail } = await refusalOfAsync(() => keys.current());
    expect(code).toBe('login_provider_unavailable');
    expect(detail.message).toMatch(
      /idp cannot be had: ECONNREFUSED; the last ones are of 2026-06-01T12:00:00Z/,
    );
    expect(warnings.length).toBeGreaterThan(0);
    provider.down = false;
    clock.advance(5 * SECOND);
    expect(ids(await keys.current())).toEqual(['one']);
  });

  it('that were never had are asked for every five seconds', async () => {
    const { clock, provider, keys } = remote();
    provider.down = true;
    for (let i = 0; i < 20; i++) await refusalOfAsync(() => keys.current());
    expect(provider.fetches).toBe(1);
    clock.advance(5 * SECOND);
    provider.down = false;
    expect(ids(await keys.current())).toEqual(['one']);
  });

  it('are fetched again by a clock that went back', async () => {
    const { clock, provider, keys } = remote();
    await keys.current();
    clock.advance(-HOUR);
    await keys.current();
    expect(provider.fetches).toBe(2);
  });
});

describe('keys in a file', () => {
  function inFile(text: string) {
    const folder = mkdtempSync(join(tmpdir(), 'chancery-jwks-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'ci.jwks');
    writeFileSync(file, text);
    const clock = new FakeClock();
    const { log, warnings } = memoryLog();
    return { file, clock, warnings, keys: new FileKeys({ name: 'ci', file, clock, log }) };
  }

  it('are those of the file as it is now, looked at once a second', async () => {
    const { file, clock, keys } = inFile(setOf(ONE));
    expect(ids(await keys.current())).toEqual(['one']);
    writeFileSync(file, setOf(ONE, TWO));
    clock.advance(SECOND - 1);
    expect(ids(await keys.current())).toEqual(['one']);
    clock.advance(1);
    expect(ids(await keys.current())).toEqual(['one', 'two']);
  });

  it.each<[string, (file: string) => void]>([
    ['spoiled', (file) => writeFileSync(file, '{')],
    ['emptied', (file) => writeFileSync(file, '')],
    ['removed', (file) => unlinkSync(file)],
  ])('go on for an hour after it was %s, and no longer', async (_what, spoil) => {
    const { file, clock, warnings, keys } = inFile(setOf(ONE));
    spoil(file);
    clock.advance(SECOND);
    await keys.current();
    clock.advance(HOUR - 2 * SECOND);
    expect(ids(await keys.current())).toEqual(['one']);
    expect(warnings.length).toBe(1);
    clock.advance(SECOND);
    expect((await refusalOfAsync(() => keys.current())).code).toBe('login_provider_unavailable');
    writeFileSync(file, setOf(TWO));
    clock.advance(SECOND);
    expect(ids(await keys.current())).toEqual(['two']);
  });

  it.each(['', '{', '{"keys":[]}'])('stop the start when they are %j', (text) => {
    expect(() => inFile(text)).toThrow();
  });
});
