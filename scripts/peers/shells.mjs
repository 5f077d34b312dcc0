import { apt, onPath } from '../installers.mjs';

/** The shells that we have completions for, beside bash. */
export const peer = {
  name: 'zsh, fish',
  present: () => onPath('zsh') && onPath('fish'),
  install: () => apt('zsh', 'fish'),
};
