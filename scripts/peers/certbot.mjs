import { onPath, pip } from '../installers.mjs';

/** Gets, renews and revokes certificates of our ACME server. */
export const peer = {
  name: 'certbot',
  present: () => onPath('certbot'),
  install: () => pip('certbot==5.8.0'),
};
