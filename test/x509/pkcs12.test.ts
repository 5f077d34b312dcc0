import { createPrivateKey, webcrypto } from 'node:crypto';
import forge from 'node-forge';
import { CryptoEngine, PFX, PKCS8ShroudedKeyBag, type SafeBag } from 'pkijs';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex, toLatin1 } from '../../src/x509/bytes.ts';
import { exportPkcs8 } from '../../src/x509/key-pair.ts';
import { encodePkcs12, type Pkcs12Form } from '../../src/x509/pkcs12.ts';
import { OID } from '../../src/x509/oids.ts';
import { dns, makeCa, makeLeaf, type Party } from '../support/chains.ts';
import { ONE_OF_EACH_TYPE } from '../support/keys.ts';

const PASSWORD = 'correct horse battery staple';
const NAME = 'spiffe://example.test/app';

let issuer: Party;
beforeAll(async () => {
  issuer = await makeCa('issuer', await makeCa('root'));
});

const pack = (leaf: Party, form: Pkcs12Form): Promise<Uint8Array> =>
  encodePkcs12(
    {
      privateKey: leaf.pair.privateKey,
      certificates: [leaf.der, issuer.der],
      friendlyName: NAME,
      password: PASSWORD,
    },
    form,
  );

/** What is in the file, as pkijs reads it. */
async function open(der: Uint8Array, password = PASSWORD): Promise<SafeBag[]> {
  const engine = new CryptoEngine({ name: 'test', crypto: webcrypto });
  const secret = new TextEncoder().encode(password).buffer;
  const pfx = PFX.fromBER(new Uint8Array(der).buffer);
  await pfx.parseInternalValues({ password: secret, checkIntegrity: true }, engine);
  const safe = pfx.parsedValue?.authenticatedSafe;
  await safe?.parseInternalValues(
    { safeContents: safe.safeContents.map(() => ({ password: secret })) },
    engine,
  );
  const bags = (
    safe?.parsedValue as { safeContents: { value: { safeBags: SafeBag[] } }[] }
  ).safeContents.flatMap(({ value }) => value.safeBags);
  for (const { bagValue } of bags)
    if (bagValue instanceof PKCS8ShroudedKeyBag)
      await bagValue['parseInternalValues']({ password: secret }, engine);
  return bags;
}

const attributesOf = (bag: SafeBag): string[] =>
  (bag.bagAttributes ?? []).map((attribute) => toHex(new Uint8Array(attribute.toSchema().toBER()))).sort();

describe('a modern PKCS#12 file', () => {
  it.each(ONE_OF_EACH_TYPE)('gives a key of %s back, with its certificate and chain', async (algorithm) => {
    const leaf = await makeLeaf('leaf', issuer, dns('app.example.test'), { keyAlgorithm: algorithm });
    const [key, ...certificates] = await open(await pack(leaf, 'modern'));
    const info = (key?.bagValue as PKCS8ShroudedKeyBag).parsedValue?.toSchema().toBER() ?? new ArrayBuffer();
    expect(exportPkcs8(createPrivateKey({ key: Buffer.from(info), format: 'der', type: 'pkcs8' }))).toEqual(
      exportPkcs8(leaf.pair.privateKey),
    );
    expect(
      certificates.map(({ bagValue }) =>
        toHex(new Uint8Array((bagValue as { certValue: { getValue(): ArrayBuffer } }).certValue.getValue())),
      ),
    ).toEqual([toHex(leaf.der), toHex(issuer.der)]);
    expect(attributesOf(key as SafeBag)).toHaveLength(2);
    expect(attributesOf(certificates[0] as SafeBag)).toEqual(attributesOf(key as SafeBag));
    expect(attributesOf(certificates[1] as SafeBag)).toEqual([]);
  });

  it('is closed to another password', async () => {
    const leaf = await makeLeaf('leaf', issuer, dns('app.example.test'));
    await expect(open(await pack(leaf, 'modern'), `${PASSWORD} `)).rejects.toThrow(/integrity/i);
  });

  it('shows neither key nor certificate without the password, and is never twice the same', async () => {
    const leaf = await makeLeaf('leaf', issuer, dns('app.example.test'));
    const [first, second] = [await pack(leaf, 'modern'), await pack(leaf, 'modern')];
    expect(toHex(first)).not.toBe(toHex(second));
    for (const secret of [leaf.der, exportPkcs8(leaf.pair.privateKey)])
      expect(toHex(first)).not.toContain(toHex(secret.subarray(-32)));
  });
});

describe('a legacy PKCS#12 file', () => {
  const parse = (der: Uint8Array, password = PASSWORD): unknown =>
    forge.pkcs12.pkcs12FromAsn1(forge.asn1.fromDer(toLatin1(der)), false, password);

  it('gives an RSA key back to node-forge, with certificate and chain', async () => {
    const leaf = await makeLeaf('leaf', issuer, dns('app.example.test'), { keyAlgorithm: 'rsa-2048' });
    const pfx = parse(await pack(leaf, 'legacy')) as forge.pkcs12.Pkcs12Pfx;
    const [key] = pfx.getBags({ bagType: OID.pkcs8ShroudedKeyBag })[OID.pkcs8ShroudedKeyBag] ?? [];
    const certificates = pfx.getBags({ bagType: OID.certBag })[OID.certBag] ?? [];
    expect(key?.key === undefined || key.key === null ? undefined : forge.pki.privateKeyToPem(key.key)).toBe(
      forge.pki.privateKeyToPem(
        forge.pki.privateKeyFromPem(leaf.pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
      ),
    );
    expect(key?.attributes['friendlyName']).toEqual([NAME]);
    expect(certificates).toHaveLength(2);
    expect(certificates[0]?.attributes['localKeyId']).toEqual(key?.attributes['localKeyId']);
  });

  it('is closed to another password', async () => {
    const leaf = await makeLeaf('leaf', issuer, dns('app.example.test'), { keyAlgorithm: 'rsa-2048' });
    const der = await pack(leaf, 'legacy');
    expect(() => parse(der, `${PASSWORD} `)).toThrow(/MAC/);
  });
});
