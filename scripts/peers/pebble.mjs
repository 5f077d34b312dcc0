import { go, onPath } from '../installers.mjs';

const VERSION = 'v2.10.1';

/** A public CA that makes life hard for clients, and the DNS server that it asks. */
export const peer = {
  name: 'pebble',
  present: () => onPath('pebble') && onPath('pebble-challtestsrv'),
  async install() {
    await go(`github.com/letsencrypt/pebble/v2/cmd/pebble@${VERSION}`);
    await go(`github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv@${VERSION}`);
  },
};
