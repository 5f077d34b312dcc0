import { go, onPath } from '../installers.mjs';

/** Looks for secrets in the history. */
export const peer = {
  name: 'gitleaks',
  present: () => onPath('gitleaks'),
  install: () => go('github.com/zricethezav/gitleaks/v8@v8.30.1'),
};
