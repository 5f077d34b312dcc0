import { apt, onPath } from '../installers.mjs';

/** Gets certificates of our ACME server as its page says. */
export const peer = {
  name: 'lego',
  present: () => onPath('lego'),
  install: () => apt('lego'),
};
