import { describe, expect, test } from 'vitest';
import { DAY, HOUR, SECOND } from '../../src/base/clock.ts';
import { toPlain } from '../../src/config/index.ts';
import { load } from './workbench.ts';

const OPEN = `listen: { https: "0.0.0.0:8443" }
externalUrl: { https: "https://ca.example.test:8443", status: "http://ca.example.test:8080" }
`;

describe('acme.limits', () => {
  test('are off by default where the HTTPS listener is loopback', async () => {
    const config = await load(undefined);
    expect(config.acme.limits).toBeUndefined();
    expect(toPlain(config)).toMatchObject({ acme: { limits: { ordersPerAccount: 'off' } } });
  });

  test('hold by default where others reach the listener', async () => {
    const config = await load(OPEN);
    expect(config.acme.limits).toEqual({
      accountsPerAddress: { burst: 50, interval: (3 * HOUR) / 50 },
      ordersPerAccount: { burst: 300, interval: 36 * SECOND },
      ordersPerName: { burst: 100, interval: 108 * SECOND },
      certificatesPerNames: { burst: 30, interval: DAY / 30 },
      failuresPerName: { burst: 5, interval: HOUR / 5 },
    });
    expect(toPlain(config)).toMatchObject({ acme: { limits: { ordersPerAccount: '300/3h' } } });
  });

  test('that are written hold everywhere; off is none', async () => {
    const near = await load('acme: { limits: { ordersPerName: 1/1h } }');
    expect(near.acme.limits).toEqual({ ordersPerName: { burst: 1, interval: HOUR } });
    const far = await load(`${OPEN}acme: { limits: { ordersPerName: off, failuresPerName: off } }`);
    expect(Object.keys(far.acme.limits ?? {})).toEqual([
      'accountsPerAddress',
      'ordersPerAccount',
      'certificatesPerNames',
    ]);
  });

  test.each(['0/1h', '5', '5/', '/1h', '-1/1h', '5/1', '5000000/1d', '2000/1s', '1.5/1h', 'OFF', ' 1/1h'])(
    '%j is none',
    async (limit) => {
      await expect(load(`acme: { limits: { ordersPerName: "${limit}" } }`)).rejects.toThrow(
        ': it is neither a limit nor off',
      );
    },
  );
});

describe('acme.terms and acme.website', () => {
  test('are those of the issuer, else those of all', async () => {
    const { acme, issuers } = await load(`acme:
  terms: https://ca.example.test/terms
  termsSince: 2026-06-01T00:00:00Z
  website: https://ca.example.test/
issuers:
  servers: { root: internal, profiles: [server], acme: { enabled: true, terms: "https://ca.example.test/own" } }
  clients: { root: internal, profiles: [client], authenticates: true }
`);
    expect(acme).toMatchObject({
      terms: 'https://ca.example.test/terms',
      termsSince: Date.UTC(2026, 5, 1),
      website: 'https://ca.example.test/',
    });
    expect(issuers.find(({ name }) => name === 'servers')?.acme.terms).toBe('https://ca.example.test/own');
  });

  test.each([
    ['terms: "ftp://ca.example.test/"', ': it is no http or https URL'],
    ['terms: "https://me:pw@ca.example.test/"', ': it is no http or https URL'],
    ['terms: "https://ca.example.test/a>;rel=x"', ': it is no http or https URL'],
    ['termsSince: yesterday', ': it is no time'],
  ])('%s is refused', async (line, message) => {
    await expect(load(`acme: { ${line} }`)).rejects.toThrow(message);
  });
});
