/** Links inside the repository lead somewhere, and every page can be found from the first one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchors, localLinks, pages, ROOT } from './pages.ts';

describe('links of the documentation', () => {
  it.each(pages())('%s', (path) => {
    const dead = localLinks(path).filter(
      ({ target, fragment }) =>
        !existsSync(join(ROOT, target)) ||
        (fragment !== '' && target.endsWith('.md') && !anchors(target).includes(fragment)),
    );
    expect(dead).toEqual([]);
  });

  it('every page is reached from README.md', () => {
    const reached = new Set(['README.md']);
    for (const path of reached)
      if (path.endsWith('.md') && existsSync(join(ROOT, path)))
        for (const { target } of localLinks(path)) reached.add(target);
    expect(pages().filter((path) => !reached.has(path))).toEqual([]);
  });
});
