/**
 * The operator's own certificate lives for hours. Whoever uses it through client.yaml renews it on the way, once two
 * thirds of its life are over; a command never fails because this did.
 */
import { X509Certificate } from 'node:crypto';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import type { IssuedCertificate, RenewRequest } from '../api/certificates.ts';
import { type Instant, MINUTE } from '../base/clock.ts';
import { timeWithDistance } from './output.ts';
import type { Context, Login } from './context.ts';
import { say, type Terminal } from './terminal.ts';

/** Renews when it is due. Says one line when it did or could not. */
export async function renewLoginIfDue(terminal: Terminal, context: Context, login: Login): Promise<void> {
  try {
    const certificate = new X509Certificate(await readFile(login.certificate));
    if (!isDue(certificate, terminal.now())) return;
    const lock = await lockFor(login, terminal.now());
    if (lock === undefined) return; // somebody else is at it
    try {
      const renewed = await renew(context, login, certificate);
      say(
        terminal,
        `renewed ${login.certificate}: expires ${timeWithDistance(renewed.notAfter, terminal.now())}`,
      );
    } finally {
      await lock.close();
      await rm(lockPath(login), { force: true });
    }
  } catch (error) {
    // the call itself will tell what is wrong with the login or the server
    say(
      terminal,
      `could not renew ${login.certificate}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Past two thirds, and not over: an expired certificate cannot ask for itself. */
function isDue({ validFromDate, validToDate }: X509Certificate, now: Instant): boolean {
  const [begin, end] = [validFromDate.getTime(), validToDate.getTime()];
  return now >= begin + ((end - begin) * 2) / 3 && now < end;
}

async function renew(context: Context, login: Login, old: X509Certificate): Promise<IssuedCertificate> {
  // loaded in the rare run that renews
  const [{ openClient }, { makeRequest }, { writeFiles }] = await Promise.all([
    import('./client.ts'),
    import('./cert/request.ts'),
    import('./files.ts'),
  ]);
  const { privateKey, csr } = await makeRequest('ecdsa-p256', []);
  const body: RenewRequest = { csr };
  const client = await openClient(context);
  try {
    const path = `/certificates/${old.serialNumber.toLowerCase()}/renew`;
    const issued = await client.post<IssuedCertificate>(path, body);
    // the folder belongs to the server's user, whoever runs this
    const { uid, gid, mode } = await stat(login.certificate);
    const withChain =
      (await readFile(login.certificate, 'utf8')).split('-----BEGIN CERTIFICATE-----').length > 2;
    const owner = process.getuid?.() === 0 ? { owner: { uid, gid } } : {};
    await writeFiles([
      { path: login.key, content: privateKey, mode: 0o600, ...owner },
      {
        path: login.certificate,
        content: issued.certificate + (withChain ? issued.chain.join('') : ''),
        mode: mode & 0o777,
        ...owner,
      },
    ]);
    return issued;
  } finally {
    client.close();
  }
}

const lockPath = ({ certificate }: Login): string => `${certificate}.renewing`;

/** One renewal at a time; a lock that was left behind is broken after a minute. */
async function lockFor(login: Login, now: Instant): Promise<FileHandle | undefined> {
  const path = lockPath(login);
  for (const attempt of [1, 2]) {
    try {
      return await open(path, 'wx', 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (attempt === 2 || now - (await stat(path)).mtimeMs < MINUTE) return undefined;
      await rm(path, { force: true });
    }
  }
  return undefined;
}
