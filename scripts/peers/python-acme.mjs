import { existsSync } from 'node:fs';
import { pip, pythonPackage } from '../installers.mjs';

/** The ACME library of Python: certificates of our ACME server. */
export const peer = {
  name: 'python-acme',
  present: () => existsSync(pythonPackage('acme') ?? ''),
  install: () => pip('acme==5.8.0'),
};
