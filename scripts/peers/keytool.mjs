import { apt, onPath } from '../installers.mjs';

/** Java's own reader of PKCS#12. */
export const peer = {
  name: 'keytool',
  present: () => onPath('keytool'),
  install: () => apt('openjdk-17-jre-headless'),
};
