/** Which files a pair becomes: one table, documented in docs/reference/targets.md. */
import { createPrivateKey } from 'node:crypto';
import type { Pair } from '../../domain/renewal/ports.ts';
import type { Bytes } from '../../x509/bytes.ts';
import { encodePem } from '../../x509/pem.ts';
import { encodePkcs12 } from '../../x509/pkcs12.ts';

export const LAYOUTS = ['pem', 'nginx', 'haproxy', 'postgresql', 'java', 'bundle'] as const;
export type Layout = (typeof LAYOUTS)[number];

export interface LaidOut {
  readonly name: string;
  readonly content: Bytes | string;
  /** Holds the private key: never readable by everybody. */
  readonly secret: boolean;
}

const certificates = (...all: readonly Bytes[]): string =>
  all.map((der) => encodePem('CERTIFICATE', der)).join('');

const fullChain = ({ certificate, chain }: Pair): string => certificates(certificate, ...chain);
const key = ({ privateKey }: Pair): string => encodePem('PRIVATE KEY', privateKey);

/** `password` is of the PKCS#12 file. */
export async function layOut(layout: Layout, pair: Pair, password: string | undefined): Promise<LaidOut[]> {
  switch (layout) {
    case 'pem':
      return [
        { name: 'cert.pem', content: certificates(pair.certificate), secret: false },
        { name: 'chain.pem', content: certificates(...pair.chain), secret: false },
        { name: 'fullchain.pem', content: fullChain(pair), secret: false },
        { name: 'key.pem', content: key(pair), secret: true },
      ];
    case 'nginx':
      return [
        { name: 'fullchain.pem', content: fullChain(pair), secret: false },
        { name: 'privkey.pem', content: key(pair), secret: true },
      ];
    case 'postgresql':
      return [
        { name: 'server.crt', content: fullChain(pair), secret: false },
        { name: 'server.key', content: key(pair), secret: true },
      ];
    case 'haproxy':
      return [{ name: 'tls.pem', content: fullChain(pair) + key(pair), secret: true }];
    case 'bundle':
      return [{ name: 'bundle.pem', content: key(pair) + fullChain(pair), secret: true }];
    case 'java':
      return [
        {
          name: 'keystore.p12',
          content: await encodePkcs12(
            {
              privateKey: createPrivateKey({
                key: Buffer.from(pair.privateKey),
                format: 'der',
                type: 'pkcs8',
              }),
              certificates: [pair.certificate, ...pair.chain],
              friendlyName: pair.managed,
              password: password ?? '',
            },
            'modern',
          ),
          secret: true,
        },
      ];
  }
}

/** Names of the layout's files, as services are configured with them. */
export const LAYOUT_FILES: Readonly<Record<Layout, readonly string[]>> = {
  pem: ['cert.pem', 'chain.pem', 'fullchain.pem', 'key.pem'],
  nginx: ['fullchain.pem', 'privkey.pem'],
  postgresql: ['server.crt', 'server.key'],
  haproxy: ['tls.pem'],
  bundle: ['bundle.pem'],
  java: ['keystore.p12'],
};
