export { type KeySource, readPassphrase } from './kek.ts';
export { createKeyring, type Keyring, openKeyring, rememberedSource } from './keyring.ts';
export {
  damaged,
  masterOfPassphrase,
  openSealedFile,
  type SealedFacts,
  SealedWriter,
} from './sealed-file.ts';
export { checkPrivateFiles, type FileFault, PRIVATE_FOLDERS, privateFileFaults } from './file-modes.ts';
export {
  makeFolder,
  PRIVATE_FILE,
  PRIVATE_FOLDER,
  readPrivateFile,
  replacePrivateFiles,
  writePrivateFile,
} from './private-files.ts';
export { type OpenedRoot, openRootFile, type RootIdentity, sealRootFile } from './root-file.ts';
export { openBox, sealBox } from './sealed-box.ts';
export { signingKeyOf } from './signing-key.ts';
export { SoftwareKeys, type SoftwareKeysOptions } from './store.ts';
