/** Which of several alternatives somebody meant: only what is wrong with that one is told. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** Every issue of alternatives becomes those of the alternative that is nearest to what was written. */
export const settleUnions = (issues: readonly Issue[]): Issue[] =>
  issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
    const [first = [], ...others] = issue.errors.map(settleUnions);
    const nearest = others.reduce((best, other) => (isNearer(other, best) ? other : best), first);
    return nearest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
  });

/** The right kind of value, then right further down, then less that is wrong. */
function isNearer(a: readonly Issue[], b: readonly Issue[]): boolean {
  const [wrongA, wrongB] = [isOtherKind(a), isOtherKind(b)];
  if (wrongA !== wrongB) return !wrongA;
  const depth = (all: readonly Issue[]): number => Math.min(...all.map(({ path }) => path.length));
  return depth(a) === depth(b) ? a.length < b.length : depth(a) > depth(b);
}

const isOtherKind = (issues: readonly Issue[]): boolean =>
  issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0);
