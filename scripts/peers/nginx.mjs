import { apt, onPath } from '../installers.mjs';

/** Refuses revoked clients with our CRL files. */
export const peer = {
  name: 'nginx',
  present: () => onPath('nginx'),
  install: () => apt('nginx-light'),
};
