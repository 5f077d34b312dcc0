/** What somebody may have meant. */

/** The candidate that is a beginning of the word or the other way round, or at most two slips away; the nearest first. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = word.toLowerCase();
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = slips(wanted, candidate.toLowerCase());
    if (distance <= 2 && distance < candidate.length && distance < (best?.distance ?? Infinity))
      best = { candidate, distance };
  }
  return best?.candidate ?? candidates.find((candidate) => sharesBeginning(wanted, candidate.toLowerCase()));
}

const sharesBeginning = (word: string, candidate: string): boolean =>
  word.length >= 3 && (candidate.startsWith(word) || (candidate.length >= 3 && word.startsWith(candidate)));

/** Levenshtein's distance; words that differ in length by over two are far apart at once. */
function slips(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? Infinity;
}

/** `: did you mean "listen"?`, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const found = nearest(word, candidates);
  return found === undefined ? '' : `: did you mean "${found}"?`;
}
