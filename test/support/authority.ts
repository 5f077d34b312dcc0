/** A root, one generation of an issuer under it, and whatever certificate a test wants signed by it. */
import { DAY, floorToSecond, HOUR, type Instant, SECOND } from '../../src/base/clock.ts';
import type { Bytes } from '../../src/x509/bytes.ts';
import {
  assembleCertificate,
  type CertificateTemplate,
  encodeTbsCertificate,
  readCertificate,
} from '../../src/x509/certificate.ts';
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  type Extension,
  extKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.ts';
import { type KeyAlgorithm, type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import { commonName, encodeName, organizationName } from '../../src/x509/name.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyIdentifier } from '../../src/x509/public-key.ts';
import { signatureAlgorithmFor } from '../../src/x509/signature.ts';
import { parseTrustDomain } from '../../src/domain/identity/spiffe-id.ts';
import { type Generation, openGeneration, statusUrls } from '../../src/domain/issuance/issuer.ts';
import { keyOf } from './keys.ts';

export const TRUST_DOMAIN = parseTrustDomain('example.test');
export const URLS = statusUrls('http://127.0.0.1:8080');

/** Signs exactly what the template says: nothing is linted here. */
export function signCertificate(
  template: Omit<CertificateTemplate, 'signatureAlgorithm'>,
  signer: KeyPair,
): Bytes {
  const { identifier } = signatureAlgorithmFor(signer.publicKey.type);
  const tbs = encodeTbsCertificate({ ...template, signatureAlgorithm: identifier });
  return assembleCertificate(tbs, identifier, signWith(signer, tbs));
}

export interface Authority {
  readonly root: Bytes;
  readonly rootKey: KeyPair;
  readonly generation: Generation;
  readonly issuerKey: KeyPair;
}

export interface AuthorityOptions {
  readonly issuer?: string;
  readonly algorithm?: KeyAlgorithm;
  readonly now: Instant;
  readonly life?: number;
}

const name = (label: string): Bytes => encodeName([organizationName(TRUST_DOMAIN), commonName(label)]);

const caExtensions = (own: KeyPair, signer: KeyPair, more: readonly Extension[]): Extension[] => [
  keyUsage(['digitalSignature', 'keyCertSign', 'cRLSign']),
  subjectKeyIdentifier(keyIdentifier(own.publicKey.keyBits)),
  authorityKeyIdentifier(keyIdentifier(signer.publicKey.keyBits)),
  ...more,
];

/** Both CA certificates are an hour old and of one kind of key. */
export async function makeAuthority(options: AuthorityOptions): Promise<Authority> {
  const { issuer = 'servers', algorithm = 'ecdsa-p256', now, life = 365 * DAY } = options;
  const [rootKey, issuerKey] = await Promise.all([keyOf(algorithm, 'root'), keyOf(algorithm, issuer)]);
  const notBefore = floorToSecond(now) - HOUR;
  const root = signCertificate(
    {
      serial: Buffer.from('4000000000000000000000000000000a', 'hex'),
      issuer: name('internal root'),
      subject: name('internal root'),
      notBefore,
      notAfter: notBefore + 3650 * DAY - SECOND,
      spki: rootKey.publicKey.spki,
      extensions: caExtensions(rootKey, rootKey, [basicConstraints({ ca: true })]),
    },
    rootKey,
  );
  const certificate = signCertificate(
    {
      serial: Buffer.from('4000000000000000000000000000000b', 'hex'),
      issuer: name('internal root'),
      subject: name(`${issuer}-1`),
      notBefore,
      notAfter: notBefore + life - SECOND,
      spki: issuerKey.publicKey.spki,
      extensions: caExtensions(issuerKey, rootKey, [
        basicConstraints({ ca: true, pathLength: 0 }),
        extKeyUsage([OID.serverAuth, OID.clientAuth]),
        crlDistributionPoints([URLS.crlRoot('internal')]),
        authorityInfoAccess({ ocsp: [], caIssuers: [URLS.certificate('internal')] }),
      ]),
    },
    rootKey,
  );
  const generation = openGeneration({
    id: `${issuer}-1`,
    issuer,
    root: 'internal',
    number: 1,
    keyId: `${issuer}-1`,
    certificate,
    shards: 4,
    preparedAt: notBefore,
    activatedAt: notBefore,
    retiredAt: null,
    stopped: null,
  });
  return { root: readCertificate(root).raw, rootKey, generation, issuerKey };
}
