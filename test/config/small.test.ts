import { join, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultDataFolder, resolveDataFolder } from '../../src/config/data-folder.ts';
import { nearest } from '../../src/config/did-you-mean.ts';
import { formatHostPort } from '../../src/base/host-port.ts';
import { parseHostPort } from '../../src/config/listeners.ts';

describe('the data folder', () => {
  test('is the flag, else CHANCERY_DATA, else in the checkout, whatever the working directory', () => {
    expect(resolveDataFolder('d', { CHANCERY_DATA: '/e' }, '/w')).toEqual({ path: '/w/d', source: 'flag' });
    expect(resolveDataFolder(undefined, { CHANCERY_DATA: 'e' }, '/w')).toEqual({
      path: '/w/e',
      source: 'environment',
    });
    const checkout = join(import.meta.dirname, '..', '..');
    for (const cwd of ['/w', '/'])
      expect(resolveDataFolder(undefined, { CHANCERY_DATA: '' }, cwd)).toEqual({
        path: join(checkout, 'certs-dev', 'state'),
        source: 'default',
      });
  });

  test('is /var/lib/chancery for an installed package', () => {
    expect(defaultDataFolder(['', 'opt', 'app', 'node_modules', 'chancery'].join(sep))).toBe(
      '/var/lib/chancery',
    );
    expect(defaultDataFolder('/home/a/chancery')).toBe('/home/a/chancery/certs-dev/state');
  });
});

describe('did you mean', () => {
  test.each<[string, readonly string[], string | undefined]>([
    ['trustDomian', ['listen', 'trustDomain'], 'trustDomain'],
    ['lsiten', ['listen', 'log'], 'listen'],
    ['Listen', ['listen'], 'listen'],
    ['extern', ['listen', 'externalUrl'], 'externalUrl'],
    ['httpsPort', ['https', 'status'], 'https'],
    ['lo', ['log'], 'log'],
    ['colour', ['listen', 'log', 'acme'], undefined],
    ['x', ['a', 'b'], undefined],
    ['', ['a', 'log'], undefined],
  ])('%j among %j is %j', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });

  test('finds every word again that has one slip', () => {
    const words = ['trustDomain', 'externalUrl', 'database', 'delivery', 'profiles'];
    const slips = fc.record({
      word: fc.constantFrom(...words),
      at: fc.nat(6),
      with: fc.string({ maxLength: 1 }),
    });
    fc.assert(
      fc.property(slips, ({ word, at, with: inserted }) => {
        expect(nearest(word.slice(0, at) + inserted + word.slice(at + 1), words)).toBe(word);
      }),
    );
  });
});

describe('host and port', () => {
  test.each([
    ['127.0.0.1:8443', '127.0.0.1', 8443],
    ['[::1]:8443', '::1', 8443],
    ['[2001:DB8::1]:1', '2001:db8::1', 1],
    ['localhost:65535', 'localhost', 65535],
    ['CA.example.test:80', 'ca.example.test', 80],
  ])('%s is read and written again', (text, host, port) => {
    const read = parseHostPort(text);
    expect(read).toEqual({ host, port });
    expect(parseHostPort(formatHostPort({ host, port }))).toEqual({ host, port });
  });

  test.each([
    '',
    ':8443',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1:8443x',
    '256.0.0.1:1',
    '1.2.3:1',
    '::1:8443',
    '[::1]',
    '[127.0.0.1]:1',
    '[::1%eth0]:1',
    'a_b:1',
    '*:1',
    '*.a.test:1',
    'http://a:1',
    'a:1:2',
    ' a:1',
    'a :1',
  ])('%j is none', (text) => {
    expect(parseHostPort(text)).toBeUndefined();
  });

  test('a port may be left out where there is a usual one', () => {
    expect(parseHostPort('127.0.0.1', 53)).toEqual({ host: '127.0.0.1', port: 53 });
    expect(parseHostPort('[::1]', 53)).toEqual({ host: '::1', port: 53 });
  });
});
