import { onPath, pip } from '../installers.mjs';

/** Makes thousands of requests out of openapi.yaml and holds the answers against it. */
export const peer = {
  name: 'schemathesis',
  present: () => onPath('schemathesis'),
  install: () => pip('schemathesis==4.32.5'),
};
