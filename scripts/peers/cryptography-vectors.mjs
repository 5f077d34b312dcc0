import { existsSync } from 'node:fs';
import { pip, pythonPackage } from '../installers.mjs';

/** NIST's PKITS: 223 certification paths with their CRLs, in the test vectors of Python's cryptography. */
export const peer = {
  name: 'cryptography-vectors',
  present: () => existsSync(pythonPackage('cryptography_vectors') ?? ''),
  install: () => pip('cryptography-vectors==50.0.2'),
};
