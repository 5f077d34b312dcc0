/** `npm run bench -- <name>` */
import { benchAcme } from './acme.ts';
import { benchCrl } from './crl.ts';
import { benchIssue } from './issue.ts';
import { benchManaged } from './managed.ts';
import { benchOcsp } from './ocsp.ts';

const [name = '', ...flags] = process.argv.slice(2);
const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  acme: () => benchAcme({ peers: !flags.includes('--alone') }),
  crl: () => benchCrl({ peers: !flags.includes('--alone') }),
  issue: () => benchIssue({ peers: !flags.includes('--alone') }),
  managed: benchManaged,
  ocsp: () => benchOcsp({ peers: !flags.includes('--alone') }),
};

const bench = BENCHES[name];
if (bench === undefined) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')} [--alone]\n`);
  process.exitCode = 1;
} else await bench();
