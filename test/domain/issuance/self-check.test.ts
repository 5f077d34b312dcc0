import { beforeEach, describe, expect, it } from 'vitest';
import type { Bytes } from '../../../src/x509/bytes.ts';
import { signWith } from '../../../src/x509/key-pair.ts';
import { issue } from '../../../src/domain/issuance/issue.ts';
import type { LeafSigner } from '../../../src/domain/issuance/ports.ts';
import { parseNames } from '../../../src/domain/identity/names.ts';
import { refusalOfAsync } from '../../support/errors.ts';
import { keyOf } from '../../support/keys.ts';
import { DOOR, makePipeline, type Pipeline, service } from '../../support/pipeline.ts';
import { makeRequest } from '../../support/request.ts';

interface Signed {
  readonly tbs: Bytes;
  readonly signature: Bytes;
}

let pipeline: Pipeline;
beforeEach(async () => {
  pipeline = await makePipeline();
});

const flipped = (bytes: Bytes, at: number): Bytes =>
  Uint8Array.from(bytes, (octet, i) => (i === at ? octet ^ 0x01 : octet));

/** Asks a pipeline whose key backend does something of its own with what it was given. */
async function askWith(backend: (signed: Signed) => Signed) {
  const signer: LeafSigner = {
    spki: (generation) => pipeline.signer.spki(generation),
    sign: (prepared) => backend(pipeline.signer.sign(prepared)),
  };
  return refusalOfAsync(async () =>
    issue(
      { ...pipeline.ports, signer },
      {
        principal: service,
        door: DOOR,
        profile: 'workload',
        proof: { csr: makeRequest(await keyOf('ecdsa-p256')) },
        names: parseNames({ uri: ['spiffe://example.test/app'] }),
      },
    ),
  );
}

describe('Let’s Encrypt 2023-06-15 (two certificates with one serial): what is signed is what was linted', () => {
  it('a broken signature stops the issuer, and nobody gets the certificate', async () => {
    const refusal = await askWith(({ tbs, signature }) => ({ tbs, signature: flipped(signature, 20) }));
    expect(refusal.code).toBe('self_check_failed');
    expect(pipeline.journal).toEqual([
      'signed',
      'stopped workload-1',
      'recording certificate.discarded',
      'recorded certificate.discarded',
    ]);
    expect(pipeline.ledger.store.certificates.length).toBe(0);
    expect(pipeline.ledger.audit[0]).toMatchObject({
      outcome: 'failed',
      details: { generation: 'workload-1' },
    });
  });

  it('a stopped issuer signs nothing more; the others go on', async () => {
    await askWith(({ tbs, signature }) => ({ tbs, signature: flipped(signature, 20) }));
    pipeline.journal.length = 0;
    expect((await refusalOfAsync(() => pipeline.issue({}))).code).toBe('issuer_stopped');
    expect(pipeline.journal).not.toContain('signed');
    const names = parseNames({ dns: ['api.example.test'] });
    expect((await pipeline.issue({ profile: 'server', names })).kind).toBe('issued');
  });

  it('other octets with a good signature over them are found: the backend’s word on what it signed counts for nothing', async () => {
    const issuerKey = await keyOf('ecdsa-p256', 'workload');
    const refusal = await askWith(({ tbs }) => {
      const other = flipped(tbs, 20); // within the serial number
      return { tbs: other, signature: signWith(issuerKey, other) };
    });
    expect(refusal.code).toBe('self_check_failed');
    expect(refusal.message).toContain('not the linted ones');
    expect(pipeline.issuers.find('workload')?.current?.stopped).toBeTruthy();
  });

  it('octets that are no certificate are found', async () => {
    const refusal = await askWith(({ signature }) => ({ tbs: Buffer.from('3000', 'hex'), signature }));
    expect(refusal.code).toBe('self_check_failed');
    expect(pipeline.issuers.find('workload')?.current?.stopped).toBeTruthy();
  });

  it('a backend that changes the octets in place changes only its own copy', async () => {
    const refusal = await askWith((signed) => {
      signed.tbs[20] = (signed.tbs[20] ?? 0) ^ 1;
      return signed;
    });
    expect(refusal.code).toBe('self_check_failed');
  });

  it('an empty signature is found', async () => {
    expect((await askWith(({ tbs }) => ({ tbs, signature: new Uint8Array(0) }))).code).toBe(
      'self_check_failed',
    );
  });
});

describe('a certificate signed by another key', () => {
  it('is refused before anything is signed: the backend’s key is compared with the generation’s certificate', async () => {
    const other = await keyOf('ecdsa-p256', 'servers');
    pipeline.signer.keys.set('workload-1', other);
    const refusal = await refusalOfAsync(() => pipeline.issue({}));
    expect(refusal.code).toBe('issuer_stopped');
    expect(pipeline.journal).toEqual(['recording certificate.refused', 'recorded certificate.refused']);
  });

  it('is found by the self-check where the backend says one key and signs with another', async () => {
    const other = await keyOf('ecdsa-p256', 'servers');
    const refusal = await askWith(({ tbs }) => ({ tbs, signature: signWith(other, tbs) }));
    expect(refusal.code).toBe('self_check_failed');
    expect(refusal.message).toContain('does not verify');
  });
});
