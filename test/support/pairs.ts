/** Key pairs to be delivered: the certificate is real, and the key its own. */
import type { Pair } from '../../src/domain/renewal/ports.ts';
import { certificateFingerprint } from '../../src/x509/certificate.ts';
import { exportPkcs8 } from '../../src/x509/key-pair.ts';
import { dns, makeCa, makeLeaf, type Spoiled } from './chains.ts';

export async function madePair(version: number, managed = 'shop', spoiled: Spoiled = {}): Promise<Pair> {
  const root = await makeCa('delivery root');
  const leaf = await makeLeaf(`${managed} ${version}`, root, dns(`${managed}.example.test`), spoiled);
  return {
    managed,
    version,
    certificate: leaf.der,
    fingerprint: certificateFingerprint(leaf.der),
    chain: [root.der],
    roots: [root.der],
    privateKey: exportPkcs8(leaf.pair.privateKey),
  };
}
