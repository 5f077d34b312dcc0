import { pip, onPath } from '../installers.mjs';

/** S3, as far as we speak it, on this machine. */
export const peer = {
  name: 'moto',
  present: () => onPath('moto_server'),
  install: () => pip('moto[server]==5.2.5'),
};
