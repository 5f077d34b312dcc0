/** CPU time and memory of a process and its children, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks (1/100 s) in user and system mode. */
  readonly ticks: number;
  readonly pages: number;
}

function stats(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, 'latin1');
        const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
        return [
          {
            pid: Number(name),
            parent: Number(fields[1]),
            ticks: Number(fields[11]) + Number(fields[12]),
            pages: Number(fields[21]),
          },
        ];
      } catch {
        return []; // it ended meanwhile
      }
    });
}

export function treeUsage(root: number): { readonly cpuSeconds: number; readonly rssMiB: number } {
  const all = stats();
  const tree = new Set([root]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, parent } of all) if (tree.has(parent) && !tree.has(pid)) grown = Boolean(tree.add(pid));
  }
  const members = all.filter(({ pid }) => tree.has(pid));
  return {
    cpuSeconds: members.reduce((sum, { ticks }) => sum + ticks, 0) / 100,
    rssMiB: members.reduce((sum, { pages }) => sum + pages, 0) / 256,
  };
}
