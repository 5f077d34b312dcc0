/** The page at `/`: for a person who asks what this is. No script, nothing loaded from anywhere. */
import { createHash } from 'node:crypto';

export interface StartPageFacts {
  readonly version: string;
  readonly trustDomain: string;
  readonly startedAt: string;
  readonly now: string;
  readonly roots: readonly {
    readonly name: string;
    readonly fingerprint: string;
    readonly notAfter: string;
  }[];
  readonly issuers: readonly {
    readonly name: string;
    readonly generation: string;
    readonly profiles: readonly string[];
    readonly notAfter: string;
    readonly state: string;
  }[];
  /** Lines to type, with what each does. */
  readonly next: readonly { readonly command: string; readonly why: string }[];
  readonly links: readonly { readonly href: string; readonly label: string }[];
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1c2530;--quiet:#5a6673;--line:#d5dbe1;--paper:#fbfbf9;--panel:#f1f3f1;--seal:#8c2f2a}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--quiet:#9aa6b2;--line:#333d47;--paper:#14191e;--panel:#1c232a;--seal:#e08a80}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}h1{font-size:1.7rem;margin:0 0 .25rem}h1 span{color:var(--seal)}
h2{font-size:1.05rem;margin:2.25rem 0 .5rem}p{margin:.25rem 0;color:var(--quiet)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.95rem}
th,td{text-align:left;padding:.45rem .9rem .45rem 0;border-bottom:1px solid var(--line);vertical-align:top}th{font-weight:600;color:var(--quiet)}
code,pre{font:.88rem/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}td code{overflow-wrap:anywhere}td.date{white-space:nowrap}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;margin:.35rem 0 1rem;overflow-x:auto}
a{color:inherit}`;

export const START_PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** SHA-256 in groups, as people compare it. */
const grouped = (hex: string): string =>
  hex
    .toUpperCase()
    .match(/.{1,4}/g)
    ?.join(' ') ?? hex;

export function renderStartPage(facts: StartPageFacts): string {
  const row = (date: string, ...cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}<td class="date">${escape(date)}</td></tr>`;
  const head = (...cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<th scope="col">${cell}</th>`).join('')}</tr>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Chancery · ${escape(facts.trustDomain)}</title><style>${STYLE}</style></head><body><main>
<h1><span>Chancery</span> for ${escape(facts.trustDomain)}</h1>
<p>Version ${escape(facts.version)}, running since ${escape(facts.startedAt)}. This page was made at ${escape(facts.now)}.</p>
<h2>Roots</h2><p>Compare a fingerprint with the one that the terminal printed before you trust a root.</p>
<div class="scroll"><table>${head('Root', 'SHA-256', 'Valid until')}
${facts.roots.map(({ name, fingerprint, notAfter }) => row(notAfter, escape(name), `<code>${grouped(escape(fingerprint))}</code>`)).join('\n')}
</table></div>
<h2>Issuers</h2>
<div class="scroll"><table>${head('Issuer', 'Generation', 'Profiles', 'State', 'Valid until')}
${facts.issuers.map((issuer) => row(issuer.notAfter, escape(issuer.name), escape(issuer.generation), escape(issuer.profiles.join(', ')), escape(issuer.state))).join('\n')}
</table></div>
<h2>What to type next</h2>
${facts.next.map(({ command, why }) => `<p>${escape(why)}</p><pre><code>${escape(command)}</code></pre>`).join('\n')}
<h2>Elsewhere</h2><p>${facts.links.map(({ href, label }) => `<a href="${escape(href)}">${escape(label)}</a>`).join(' · ')}</p>
</main></body></html>
`;
}
