/** A command line as far as it is typed, split as a shell would. */

/**
 * The words after the command's own name; the last is the one that is being typed, empty after a blank. Quotes and
 * backslashes are taken off; a quote that is still open ends with the line.
 */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let inWord = false;
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (quote !== '') {
      if (char === quote) quote = '';
      else if (char === '\\' && quote === '"' && /["\\$`]/.test(line.charAt(i + 1))) word += line.charAt(++i);
      else word += char;
    } else if (/\s/.test(char)) {
      if (inWord) words.push(word);
      [word, inWord] = ['', false];
      continue;
    } else if (char === '"' || char === "'") quote = char;
    else word += char === '\\' ? line.charAt(++i) : char;
    inWord = true;
  }
  return [...words, word].slice(1);
}

/** bash completes only what follows its last break character: what comes before is not repeated. */
export function afterBreak(candidate: string, typed: string, breaks: string): string {
  const inner = [...typed].map((char) => breaks.includes(char) && !/["'\s]/.test(char));
  return candidate.slice(inner.lastIndexOf(true) + 1);
}
