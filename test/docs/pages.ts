/** The pages that people read, and what stands in their fences. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Every Markdown file for readers, as paths from the root. */
export function pages(): string[] {
  const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path));
  return ['README.md', 'CHANGELOG.md', 'certs-dev/README.md', ...inDocs.sort()];
}

export const readPage = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

export interface Fence {
  /** Word after the backticks; empty where there is none. */
  readonly language: string;
  /** Of the opening backticks, from 1. */
  readonly line: number;
  readonly text: string;
}

/** Fenced blocks at any indentation. Throws where one is never closed. */
export function fences(markdown: string): Fence[] {
  const found: Fence[] = [];
  let open: { indent: number; language: string; line: number; lines: string[] } | undefined;
  markdown.split('\n').forEach((line, i) => {
    const match = /^( *)```(\S*)\s*$/.exec(line);
    if (open === undefined) {
      if (match !== null)
        open = { indent: (match[1] ?? '').length, language: match[2] ?? '', line: i + 1, lines: [] };
    } else if (match?.[2] === '') {
      found.push({ language: open.language, line: open.line, text: open.lines.join('\n') });
      open = undefined;
    } else open.lines.push(line.slice(open.indent));
  });
  if (open !== undefined) throw new Error(`the fence of line ${open.line} is never closed`);
  return found;
}

/** A command with what the page shows below it. */
export interface Command {
  readonly line: number;
  readonly text: string;
  readonly output: readonly string[];
}

/** What `$ ` begins in a console block; `> ` goes on with a command, everything else is its output. */
export function consoleCommands({ line, text }: Fence): Command[] {
  const commands: { line: number; text: string; output: string[] }[] = [];
  text.split('\n').forEach((row, i) => {
    const last = commands.at(-1);
    if (row.startsWith('$ ')) commands.push({ line: line + 1 + i, text: row.slice(2), output: [] });
    else if (last === undefined) throw new Error(`line ${line + 1 + i}: output before any command`);
    else if (last.output.length === 0 && (row === '>' || row.startsWith('> ')))
      last.text += `\n${row.slice(2)}`;
    else last.output.push(row);
  });
  return commands;
}

/** A file that a page tells to write: its first line is a comment with the name, and nothing else. */
export function fileOf({ text }: Fence): { readonly name: string; readonly content: string } | undefined {
  const name = /^(?:#|\/\/) ([\w./-]+\.(?:yaml|mjs|ts|json))$/.exec(text.split('\n', 1)[0] ?? '')?.[1];
  return name === undefined ? undefined : { name, content: `${text}\n` };
}

/** Targets of links to files of this repository, as paths from the root, with the fragment. */
export function localLinks(path: string): { readonly target: string; readonly fragment: string }[] {
  const prose = readPage(path)
    .replace(/^( *)```[\s\S]*?^ *```\s*$/gm, '')
    .replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', fragment = ''] = target.split('#');
      const absolute = file === '' ? join(ROOT, path) : resolve(ROOT, path, '..', file);
      return { target: relative(ROOT, absolute), fragment };
    });
}

/** Anchors as forges make them of headings. */
export const anchors = (path: string): string[] =>
  [...readPage(path).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/**
 * Rows of the tables of a page (or of its section under a heading) whose first cell is a code word; that one comes
 * without its backticks.
 */
export function tableRows(path: string, heading?: string): string[][] {
  const text = readPage(path);
  const section = heading === undefined ? text : text.split(`## ${heading}\n`)[1]?.split(/^## /m)[0];
  if (section === undefined) throw new Error(`${path} has no heading ${String(heading)}`);
  return [...section.matchAll(/^\| `([^`]+)` +\|(.*)\|$/gm)].map(([, word = '', rest = '']) => [
    word,
    ...rest.split('|').map((cell) => cell.trim()),
  ]);
}
