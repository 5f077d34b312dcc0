/** The CRLs of issuers, wired. */
import type { Log } from '../../base/log.ts';
import type { Configuration } from '../../config/index.ts';
import { statusUrls } from '../../domain/issuance/issuer.ts';
import { IssuerCrls } from '../crls.ts';
import type { OpenedData } from '../open.ts';
import { issuerCrlSigner } from '../signers.ts';
import { CrlFolder } from './files.ts';
import { openPress } from './press.ts';
import { CrlPublisher } from './publisher.ts';

export function openCrls(
  { paths, clock, keys, store, authority, trail }: OpenedData,
  config: Configuration,
  statusUrl: string,
  log: Log,
): IssuerCrls {
  const press = openPress(config.database.sqlite);
  const folder = new CrlFolder(paths.crls);
  const urls = statusUrls(statusUrl);
  const publisher = new CrlPublisher({
    clock,
    store: store.publishedCrls,
    signer: issuerCrlSigner(keys),
    urls,
    folder,
    press,
    life: config.revocation.crlLife,
    floor: (generation) => store.journal.crlFloor(generation),
  });
  return new IssuerCrls({
    clock,
    log,
    authority,
    store: store.publishedCrls,
    publisher,
    folder,
    urls,
    record: (drafts) => trail.record(drafts),
    heldBack: (id) => authority.generation(id)?.crlsHeldBack === true,
    close: () => press.close(),
  });
}
