/** What every place of publication does. */
import { describe, expect, test } from 'vitest';
import type { PublicationTarget } from '../../src/publication/target.ts';

export interface PublicationBackend {
  readonly name: string;
  /** An empty place of this test's own. */
  readonly open: () => PublicationTarget | Promise<PublicationTarget>;
}

const CRL = 'application/pkix-crl';
const octets = (text: string): Uint8Array => Buffer.from(text);

async function listed(target: PublicationTarget, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const path of target.list(folder)) paths.push(path);
  return paths.sort();
}

export function publicationContract({ name, open }: PublicationBackend): void {
  describe(`${name} keeps the contract of a place of publication`, () => {
    test('what was written is read back, and replaced whole by what is written later', async () => {
      const target = await open();
      await target.write('crl/servers-1/0.crl', octets('a longer first one'), CRL);
      await target.write('crl/servers-1/0.crl', octets('second'), CRL);
      expect(Buffer.from((await target.read('crl/servers-1/0.crl', 100)) ?? []).toString()).toBe('second');
      target.close();
    });

    test('what is not there is undefined, and removing it no fault', async () => {
      const target = await open();
      expect(await target.read('manifest.json', 100)).toBe(undefined);
      await target.remove('crl/nobody/0.crl');
      target.close();
    });

    test('an empty object is an object', async () => {
      const target = await open();
      await target.write('empty', octets(''), CRL);
      expect(await target.read('empty', 100)).toHaveLength(0);
      target.close();
    });

    test('nothing over the limit is read', async () => {
      const target = await open();
      await target.write('manifest.json', octets('x'.repeat(101)), 'application/json');
      await expect(target.read('manifest.json', 100)).rejects.toThrow('over 100 octets');
      target.close();
    });

    test('lists what is below a folder and nothing beside it, and not what was removed', async () => {
      const target = await open();
      for (const path of ['crl/a/0.crl', 'crl/a/1.crl', 'crl/root.crl', 'crlx/0.crl', 'issuers/a.crt'])
        await target.write(path, octets(path), CRL);
      await target.remove('crl/a/1.crl');
      expect(await listed(target, 'crl/')).toEqual(['crl/a/0.crl', 'crl/root.crl']);
      expect(await listed(target, 'ocsp/')).toEqual([]);
      target.close();
    });

    test('writers of one path at once leave one of both, whole', async () => {
      const target = await open();
      const texts = Array.from({ length: 8 }, (_, i) => String(i).repeat(10_000));
      const results = await Promise.allSettled(
        texts.map((text) => target.write('crl/a/0.crl', octets(text), CRL)),
      );
      // a place may refuse one while it takes another: it is tried again
      expect(results.map(({ status }) => status)).toContain('fulfilled');
      expect(texts).toContain(Buffer.from((await target.read('crl/a/0.crl', 20_000)) ?? []).toString());
      expect(await listed(target, 'crl/')).toEqual(['crl/a/0.crl']);
      target.close();
    });

    test.each([
      '../keys/kek',
      'crl/../../kek',
      '/etc/passwd',
      'crl//0.crl',
      '.hidden',
      'crl/..',
      '',
      'a\0b',
      'a/b/c/d/e/f',
    ])('refuses the path %j', async (path) => {
      const target = await open();
      await expect(target.write(path, octets('x'), CRL)).rejects.toThrow('no path of a publication');
      await expect(target.remove(path)).rejects.toThrow('no path of a publication');
      target.close();
    });
  });
}
