/** A server publishes, dies, and openssl and curl have from the folder alone what they had from it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatSerial, readCertificate } from '../../src/x509/certificate.ts';
import { readCertificateList } from '../../src/x509/crl.ts';
import { decodePem, decodePemOne } from '../../src/x509/pem.ts';
import { freePorts } from '../support/free-ports.ts';
import { install, type Installation, pause, PROGRAM, run, spawnServer } from '../support/spawned-server.ts';

const call = promisify(execFile);

describe('openssl and curl', () => {
  let at: Installation;
  let served: ChildProcess;
  let url: string;
  let shown: string;
  const file = (name: string): string => join(at.folder, name);

  const ocsp = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await call('openssl', [
      ...['ocsp', '-issuer', file('good/chain.pem'), '-CAfile', file('good/bundle.pem')],
      ...['-url', `${url}/ocsp`, ...args],
    ]);
    return stdout + stderr;
  };

  beforeAll(async () => {
    at = await install('publication: [{ folder: published }]');
    const server = await spawnServer(at);
    for (const name of ['good', 'revoked'])
      await run([
        'cert',
        'issue',
        '--data',
        at.data,
        '--profile',
        'server',
        '--dns',
        `${name}.example.test`,
        '--out',
        file(name),
      ]);
    await run([
      'cert',
      'revoke',
      '--data',
      at.data,
      file('revoked/cert.pem'),
      '--reason',
      'keyCompromise',
      '--yes',
    ]);
    const told = (): boolean => {
      const bundle = file('published/crl/servers.pem');
      const [full] = existsSync(bundle) ? decodePem(readFileSync(bundle, 'utf8')) : [];
      const revoked = full !== undefined && readCertificateList(full.der).entries.length > 0;
      const answers = existsSync(file('published/ocsp'))
        ? readdirSync(file('published/ocsp'), { recursive: true, encoding: 'utf8' })
        : [];
      const { serial } = readCertificate(
        decodePemOne(readFileSync(file('good/cert.pem'), 'utf8'), 'CERTIFICATE'),
      );
      return revoked && answers.filter((path) => path.endsWith(`/${formatSerial(serial)}.ocsp`)).length === 2;
    };
    const until = Date.now() + 20_000;
    while (!told()) {
      if (Date.now() > until) throw new Error(`it was not published:\n${server.output()}`);
      await pause(100);
    }
    const { serial } = readCertificate(
      decodePemOne(readFileSync(file('revoked/cert.pem'), 'utf8'), 'CERTIFICATE'),
    );
    do shown = await run(['cert', 'show', '--data', at.data, formatSerial(serial)]);
    while (/not yet/.test(shown) && Date.now() < until);
    // not stopped: lost
    expect(await server.kill('SIGKILL')).toBe('SIGKILL');
    const [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    served = spawn(PROGRAM, ['status', 'serve', file('published'), '--listen', `127.0.0.1:${port}`], {
      stdio: 'ignore',
    });
    while ((await fetch(`${url}/readyz`).catch(() => undefined))?.status !== 200) await pause(50);
  }, 60_000);
  afterAll(async () => {
    const ended = new Promise((resolve) => served.once('exit', resolve));
    served.kill('SIGTERM');
    expect(await ended).toBe(0);
    await at.remove();
  });

  test.each(['sha1', 'sha256'])('openssl ocsp believes what was signed ahead, %s', async (hash) => {
    for (const [name, status] of [
      ['good', 'good'],
      ['revoked', 'revoked'],
    ] as const) {
      const said = await ocsp(`-${hash}`, '-cert', file(`${name}/cert.pem`), '-no_nonce');
      expect(said).toMatch(/Response verify OK/);
      expect(said).toMatch(new RegExp(`${name}/cert\\.pem: ${status}`));
    }
    expect(await ocsp('-cert', file('revoked/cert.pem'))).toMatch(
      /revoked[^]*Reason: keyCompromise[^]*no nonce in response/,
    );
  });

  test('while it ran, the server had seen by itself when the revocation was visible', () => {
    for (const where of ['CRL', 'OCSP'])
      expect(shown).toMatch(new RegExp(`seen in ${where} +\\d{4}-\\S+Z \\(after \\d+s\\)`));
  });

  test('openssl ocsp is refused for a serial number without an answer', async () => {
    await expect(ocsp('-serial', '0x4242', '-no_nonce')).rejects.toMatchObject({
      stdout: expect.stringContaining('unauthorized (6)') as string,
    });
  });

  test('curl has every CRL, and openssl verifies with them: the good one passes, the revoked one does not', async () => {
    const { stdout } = await call('curl', [
      '--silent',
      '--fail',
      '--etag-save',
      file('etag'),
      '-o',
      file('servers.pem'),
      '-w',
      '%{content_type}',
      `${url}/crl/servers.pem`,
    ]);
    expect(stdout).toBe('application/x-pem-file');
    const again = await call('curl', [
      '--silent',
      '--etag-compare',
      file('etag'),
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      `${url}/crl/servers.pem`,
    ]);
    expect(again.stdout).toBe('304');
    const verify = (name: string) =>
      call('openssl', [
        ...['verify', '-crl_check_all', '-CRLfile', file('servers.pem')],
        ...[
          '-CAfile',
          file('good/bundle.pem'),
          '-untrusted',
          file('good/chain.pem'),
          file(`${name}/cert.pem`),
        ],
      ]);
    expect((await verify('good')).stdout).toMatch(/OK$/m);
    await expect(verify('revoked')).rejects.toMatchObject({
      stderr: expect.stringContaining('certificate revoked') as string,
    });
    for (const shard of readdirSync(file('published/crl/servers-1'))) {
      await call('curl', ['--silent', '--fail', '-o', file('one.crl'), `${url}/crl/servers-1/${shard}`]);
      const text = await call('openssl', [
        'crl',
        '-inform',
        'DER',
        '-in',
        file('one.crl'),
        '-noout',
        '-verify',
        '-CAfile',
        file('good/chain.pem'),
      ]);
      expect(text.stdout + text.stderr).toContain('verify OK');
    }
    await call('curl', ['--silent', '--fail', '-o', file('issuer.crt'), `${url}/issuers/servers-1.crt`]);
    const subject = await call('openssl', [
      'x509',
      '-inform',
      'DER',
      '-in',
      file('issuer.crt'),
      '-noout',
      '-subject',
    ]);
    expect(subject.stdout).toContain('servers');
  });

  test('nothing in the folder is private, and its modes are those of public files', async () => {
    const { stdout } = await call('find', [file('published'), '-printf', '%y %m %P\n']);
    const modes = new Set(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.slice(0, 5)),
    );
    expect([...modes].sort()).toEqual(['d 755', 'f 644']);
    const grep = await call('grep', ['-rlE', 'PRIVATE KEY|"ciphertext"', file('published')]).catch(
      (error: { code: number }) => error,
    );
    expect(grep).toMatchObject({ code: 1 });
  });
});
