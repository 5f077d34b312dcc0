/** Identifiers (RFC 8555 9.7.7, RFC 8738) ↔ names of the pipeline. */
import { isChanceryError } from '../../base/errors.ts';
import { isObject } from '../../x509/strict-json.ts';
import { MAX_NAMES, type Name, parseName } from '../identity/names.ts';
import { AcmeProblem, type Subproblem } from './problem.ts';
import type { ValidationIdentifier } from './validation-port.ts';

export type Identifier = ValidationIdentifier;

export const identifierOf = ({ kind, value }: Name): Identifier => ({
  type: kind === 'ip' ? 'ip' : 'dns',
  value,
});

/** The names of an order: canonical, each once, sorted as the pipeline compares them. Throws with every faulty one. */
export function parseIdentifiers(list: unknown): Name[] {
  if (!Array.isArray(list) || list.length === 0)
    throw new AcmeProblem('malformed', 'identifiers is not a list of at least one');
  if (list.length > MAX_NAMES)
    throw new AcmeProblem('malformed', `${list.length} identifiers in one order, ${MAX_NAMES} are allowed`);
  const names = new Map<string, Name>();
  const faults: Subproblem[] = [];
  for (const item of list as unknown[]) {
    const parsed = parseIdentifier(item);
    if ('detail' in parsed) faults.push(parsed);
    else names.set(`${parsed.kind}:${parsed.value}`, parsed);
  }
  if (faults.length > 0) throw compound(faults);
  return [...names.values()].sort(
    (a, b) => (a.kind === b.kind ? 0 : a.kind === 'dns' ? -1 : 1) || (a.value < b.value ? -1 : 1),
  );
}

function parseIdentifier(item: unknown): Name | Subproblem {
  if (!isObject(item)) return { type: 'malformed', detail: 'an identifier is not an object' };
  const { type, value } = item as { readonly type?: unknown; readonly value?: unknown };
  if (typeof type !== 'string' || typeof value !== 'string' || value.length > 300)
    return { type: 'malformed', detail: 'an identifier has a type and a value, both texts' };
  if (type !== 'dns' && type !== 'ip')
    return {
      type: 'unsupportedIdentifier',
      detail: `the type ${JSON.stringify(type.slice(0, 40))} is neither dns nor ip`,
    };
  const identifier: Identifier = { type, value };
  try {
    const name = parseName(type, value);
    // RFC 8738 3: the text form of RFC 5952, so that it is compared as it stands
    if (type === 'ip' && name.value !== value)
      return {
        type: 'malformed',
        detail: `the address is written ${name.value} (RFC 8738 3, RFC 5952)`,
        identifier,
      };
    return name;
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    return { type: 'malformed', detail: error.message, identifier };
  }
}

/** One problem for several faults: the type that they share, else `compound`; with one fault, that one. */
export function compound(faults: readonly Subproblem[]): AcmeProblem {
  const [first] = faults;
  if (first === undefined) throw new Error('a problem without a fault');
  if (faults.length === 1) return new AcmeProblem(first.type, { detail: first.detail, subproblems: faults });
  const type = faults.every((fault) => fault.type === first.type) ? first.type : 'compound';
  return new AcmeProblem(type, {
    detail: `${faults.length} identifiers were refused: ${first.detail}; and ${faults.length - 1} more`,
    subproblems: faults,
  });
}
