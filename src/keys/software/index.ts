export { type KeySource } from './kek.ts';
export { createKeyring, type Keyring, openKeyring } from './keyring.ts';
export { checkPrivateFiles, PRIVATE_FOLDERS } from './file-modes.ts';
export {
  makeFolder,
  PRIVATE_FILE,
  PRIVATE_FOLDER,
  readPrivateFile,
  writePrivateFile,
} from './private-files.ts';
export { SoftwareKeys, type SoftwareKeysOptions } from './store.ts';
