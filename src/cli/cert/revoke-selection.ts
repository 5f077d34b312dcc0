/** Which certificates `cert revoke` is about. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImpactRequest } from '../../api/revocations.ts';
import { ChanceryError } from '../../base/errors.ts';
import { encodePem } from '../../x509/pem.ts';
import { readInputs } from '../offline/input.ts';
import { plainHex, readSerial } from './serial.ts';

export interface SelectionOptions {
  readonly principal?: string;
  readonly name?: string;
  readonly issuer?: string;
  readonly profile?: string;
  readonly key?: string;
  readonly owner?: string;
  /** `key:value` */
  readonly label?: string;
  readonly leakedKey?: string;
}

export interface Selected {
  /** As the API takes it. */
  readonly request: ImpactRequest;
  /** What somebody types who means it; `undefined`: the name of the one certificate. */
  readonly word: string | undefined;
}

/** `undefined` for the certificates of a leaked key. Throws `usage`, unless exactly one way was chosen. */
export async function readSelection(
  options: SelectionOptions,
  operand: string | undefined,
): Promise<Selected | undefined> {
  const { principal, name, issuer, profile, key, owner, label, leakedKey } = options;
  const conditions = { principal, name, issuer, profile, key, owner, label };
  const words = Object.values(conditions).filter((value) => value !== undefined);
  const ways = [operand !== undefined, words.length > 0, leakedKey !== undefined].filter(Boolean).length;
  if (ways !== 1)
    throw new ChanceryError('usage', {
      message: ways === 0 ? 'nothing says which certificates' : 'several things say which certificates',
      rule: 'either a serial number or file, or a search (--principal, --name, --issuer, --profile, --key, --owner, --label), or --leaked-key',
      fix: 'Name them in one way.',
    });
  if (leakedKey !== undefined) return undefined;
  if (operand !== undefined) return { request: await readOperand(operand), word: undefined };
  const search = {
    ...(principal && { principal }),
    ...(name && { name }),
    ...(issuer && { issuer }),
    ...(profile && { profile }),
    ...(key && { keyFingerprint: plainHex(key) }),
    ...(owner && { owner }),
    ...(label && { label }),
  };
  return { request: { search }, word: name ?? principal ?? owner ?? label ?? key ?? issuer ?? profile };
}

/** A file, a folder of `cert issue`, or a serial number. */
async function readOperand(text: string): Promise<ImpactRequest> {
  const found = await stat(text).catch(() => undefined);
  if (found === undefined) return { serials: [readSerial(text)] };
  const path = found.isDirectory() ? join(text, 'cert.pem') : text;
  const [leaf] = await readInputs(path, 'certificate');
  return { certificate: encodePem('CERTIFICATE', leaf ?? new Uint8Array()) };
}
