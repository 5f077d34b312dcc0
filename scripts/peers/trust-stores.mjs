import { apt, onPath } from '../installers.mjs';

/** Programs that keep trust stores, and one that believes them. */
export const peer = {
  name: 'trust stores',
  present: () => ['update-ca-certificates', 'certutil', 'curl'].every(onPath),
  install: () => apt('ca-certificates', 'libnss3-tools', 'curl'),
};
