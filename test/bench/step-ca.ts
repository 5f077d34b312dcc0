/** A step-ca server as its own `init` would leave it: badger, one JWK provisioner, an intermediate that signs. */
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { openRoot, statusUrls } from '../../src/domain/issuance/issuer.ts';
import { prepareGeneration, prepareRoot, signCaCertificate } from '../../src/domain/issuance/hierarchy.ts';
import { parseTrustDomain } from '../../src/domain/identity/spiffe-id.ts';
import { exportPkcs8, generateKeyPair, type KeyPair, signWith } from '../../src/x509/key-pair.ts';
import { encodePem } from '../../src/x509/pem.ts';
import type { PreparedCaCertificate } from '../../src/domain/issuance/hierarchy.ts';
import { makeCsr } from '../support/running-server.ts';
import { pause } from '../support/spawned-server.ts';
import type { AcmeTarget } from './acme-load.ts';
import type { Target } from './load.ts';

const BINARY = join(homedir(), '.cache', 'chancery-peers', 'bin', 'step-ca');

/** `resolver` (`127.0.0.1:5300`) is asked for the names that ACME validates. */
export async function startStepCa(
  folder: string,
  port: number,
  resolver?: string,
): Promise<{ readonly target: Target; readonly acme: AcmeTarget; stop(): void }> {
  if (!existsSync(BINARY))
    throw new Error(
      `no step-ca: CGO_ENABLED=0 GOBIN=${join(BINARY, '..')} go install github.com/smallstep/certificates/cmd/step-ca@v0.30.2`,
    );
  await mkdir(folder, { recursive: true });
  const { root, intermediate, key } = await makeHierarchy();
  const file = (name: string): string => join(folder, name);
  await writeFile(file('root.pem'), root);
  await writeFile(file('intermediate.pem'), intermediate);
  await writeFile(file('intermediate.key'), key, { mode: 0o600 });
  const provisioner = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = 'bench';
  await writeFile(
    file('ca.json'),
    JSON.stringify({
      root: file('root.pem'),
      crt: file('intermediate.pem'),
      key: file('intermediate.key'),
      address: `127.0.0.1:${port}`,
      dnsNames: ['localhost', '127.0.0.1'],
      logger: { format: 'text' },
      db: { type: 'badgerv2', dataSource: file('db') },
      authority: {
        disableIssuedAtCheck: true,
        provisioners: [
          {
            type: 'JWK',
            name: 'bench',
            key: { ...provisioner.publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' },
          },
          { type: 'ACME', name: 'acme' },
        ],
      },
      tls: { minVersion: 1.2, maxVersion: 1.3 },
    }),
  );
  const child = spawn(
    BINARY,
    [file('ca.json'), ...(resolver === undefined ? [] : ['--resolver', resolver])],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const csrs = await Promise.all(
    Array.from({ length: 32 }, () => makeCsr([{ kind: 'dns', value: 'bench.example.test' }])),
  );
  const fingerprint = createHash('sha256')
    .update(Buffer.from(root.replace(/-----[^-]+-----|\s/g, ''), 'base64'))
    .digest('hex');
  let next = 0;
  const target: Target = {
    label: 'step-ca 0.30.2, badger, JWK token',
    pid: child.pid ?? 0,
    url: new URL(`https://localhost:${port}/1.0/sign`),
    tls: { ca: root },
    status: 201,
    body: () => JSON.stringify({ csr: csrs[next++ % csrs.length]?.csr, ott: token() }),
  };

  /** Fresh for every request: step-ca takes each once. */
  function token(): string {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      aud: `https://localhost:${port}/1.0/sign`,
      iss: 'bench',
      sub: 'bench.example.test',
      sans: ['bench.example.test'],
      sha: fingerprint,
      iat: now,
      nbf: now - 60,
      exp: now + 300,
      jti: randomUUID(),
    };
    const message = `${part({ alg: 'ES256', kid, typ: 'JWT' })}.${part(claims)}`;
    return `${message}.${sign('sha256', Buffer.from(message), { key: provisioner.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }

  for (let i = 0; i < 100; i++) {
    await pause(50);
    const up = await new Promise<boolean>((resolve) => {
      import('node:https').then(
        ({ get }) =>
          get(`https://localhost:${port}/health`, { ca: root }, (answer) =>
            resolve(answer.statusCode === 200),
          ).on('error', () => resolve(false)),
        () => resolve(false),
      );
    });
    if (up)
      return {
        target,
        acme: {
          label: 'step-ca 0.30.2, badger',
          pid: child.pid ?? 0,
          directory: `https://localhost:${port}/acme/acme/directory`,
          ca: root,
        },
        stop: () => child.kill('SIGTERM'),
      };
  }
  throw new Error('step-ca did not start');
}

async function makeHierarchy(): Promise<{ root: string; intermediate: string; key: string }> {
  const trustDomain = parseTrustDomain('bench.test');
  const signer = (pair: KeyPair) => ({
    sign(_id: string, prepared: PreparedCaCertificate) {
      const tbs = prepared.redeem();
      return { tbs, signature: signWith(pair, tbs) };
    },
  });
  const serial = (): Uint8Array =>
    Buffer.concat([Buffer.from([0x40]), Buffer.from(randomUUID().replaceAll('-', ''), 'hex').subarray(1)]);
  const rootPair = await generateKeyPair('ecdsa-p256');
  const rootDer = signCaCertificate(
    signer(rootPair),
    '',
    prepareRoot({
      root: 'bench',
      serial: serial(),
      publicKey: rootPair.publicKey,
      trustDomain,
      now: Date.now(),
    }),
  );
  const pair = await generateKeyPair('ecdsa-p256');
  const facts = { name: 'bench', line: 'bench', number: 1, keyId: '', certificate: rootDer };
  const root = openRoot({ ...facts, preparedAt: 0, activatedAt: 0, retiredAt: null });
  const prepared = prepareGeneration({
    id: 'bench-1',
    root,
    serial: serial(),
    publicKey: pair.publicKey,
    trustDomain,
    urls: statusUrls('http://127.0.0.1:1'),
    now: Date.now(),
  });
  const der = signCaCertificate(signer(rootPair), '', prepared);
  return {
    root: encodePem('CERTIFICATE', rootDer),
    intermediate: encodePem('CERTIFICATE', der),
    key: encodePem('PRIVATE KEY', exportPkcs8(pair.privateKey)),
  };
}
