/** Java keystores, through keytool: Java's own cacerts, or the truststore of one service. */
import { ChanceryError } from '../../base/errors.ts';
import { decodePemOne, encodePem } from '../../x509/pem.ts';
import { type Entry, type Host, OURS, type TrustStore } from './store.ts';

export interface JavaStoreOptions {
  readonly keystore?: string;
  readonly keystorePasswordFile?: string;
}

/** The password of cacerts is the same in every Java and keeps nothing secret: it is in Java's documentation. */
const CACERTS_PASSWORD = 'changeit';

export function javaStore(host: Host, { keystore, keystorePasswordFile }: JavaStoreOptions): TrustStore {
  const password =
    keystorePasswordFile === undefined
      ? ['-storepass', CACERTS_PASSWORD]
      : ['-storepass:file', keystorePasswordFile];
  const where = keystore === undefined ? ['-cacerts'] : ['-keystore', keystore];
  const keytool = (verb: string, args: readonly string[], input?: string): Promise<string> =>
    host.run('keytool', ['-J-Duser.language=en', verb, ...where, ...password, ...args], input);
  return {
    place: keystore ?? "Java's cacerts",
    check() {
      if (keystore === undefined || keystorePasswordFile !== undefined) return Promise.resolve();
      throw new ChanceryError('usage', {
        message: `the password of ${keystore} is not given`,
        rule: 'only that of cacerts is known to everybody',
        fix: 'Name the file that holds it with --keystore-password-file.',
      });
    },
    async entries() {
      // keytool makes a keystore with its first entry
      const listed = await keytool('-list', ['-rfc']).catch((error: unknown) => {
        if (error instanceof Error && error.message.includes('does not exist')) return '';
        throw error;
      });
      return listed.split(/^Alias name: /m).flatMap((text): Entry[] => {
        const name = text.split('\n', 1)[0]?.trim() ?? '';
        return name.startsWith(OURS) ? [{ name, der: decodePemOne(text, 'CERTIFICATE') }] : [];
      });
    },
    async change(added, removed) {
      for (const name of removed) await keytool('-delete', ['-alias', name]);
      for (const { name, der } of added)
        await keytool('-importcert', ['-noprompt', '-alias', name], encodePem('CERTIFICATE', der));
    },
  };
}
