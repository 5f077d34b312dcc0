/** The how-to of each ACME client that can be had here: its commands, as they stand, lead to a certificate. */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { consoleCommands, type Fence, fences, readPage } from '../docs/pages.ts';
import { translate } from '../docs/shell.ts';
import { type AcmeWorld, checkChain, openAcmeWorld, until } from './acme-world.ts';

let world: AcmeWorld;
beforeAll(async () => {
  world = await openAcmeWorld();
});
afterAll(() => world.stop());

const PATIENCE = 120_000;

/** A block of a page with the addresses of here. */
function fence(page: string, number: number): Fence {
  const found = fences(readPage(`docs/how-to/acme/${page}.md`))[number];
  if (found === undefined) throw new Error(`${page} has no block ${number}`);
  return {
    ...found,
    text: translate(found.text, [
      ['https://ca.example.test:8443', new URL(world.directory).origin],
      ['/etc/pki/chancery/roots.pem', world.roots],
      ['www.example.test', `${page}${number}.example.test`],
    ]),
  };
}

/** Types the commands of a block in one shell. */
async function type(
  page: string,
  number: number,
  folder: string,
  change = (text: string) => text,
): Promise<void> {
  const commands = consoleCommands(fence(page, number)).map(({ text }) => change(text));
  const script = `cd '${folder}' && set -e\n${commands.join('\n')}`;
  await world.command('bash', ['-c', script], { HOME: folder, XDG_CONFIG_HOME: join(folder, '.config') });
}

it(
  'certbot',
  async () => {
    const folder = world.folder('certbot');
    // what is not the same on every machine stands in certbot's own configuration
    const own = join(folder, '.config/letsencrypt');
    mkdirSync(own, { recursive: true });
    writeFileSync(
      join(own, 'cli.ini'),
      `config-dir = ${folder}/c\nwork-dir = ${folder}/w\nlogs-dir = ${folder}/l\nhttp-01-address = 127.0.0.1\nhttp-01-port = ${world.httpPort}\n`,
    );
    await type('certbot', 0, folder);
    const name = 'certbot0.example.test';
    checkChain(world, readFileSync(`${folder}/c/live/${name}/fullchain.pem`, 'utf8'), [name]);
  },
  PATIENCE,
);

it(
  'lego',
  async () => {
    const folder = world.folder('lego');
    await type('lego', 0, folder, (text) =>
      text.replace(' --http ', ` --http --http.port :${world.httpPort} `),
    );
    const name = 'lego0.example.test';
    checkChain(world, readFileSync(`${folder}/.lego/certificates/${name}.crt`, 'utf8'), [name]);
  },
  PATIENCE,
);

it.each([
  ['for every site', 0],
  ['for one site, with an external account key and a profile', 1],
])(
  'Caddy, %s',
  async (_what, number) => {
    const folder = world.folder('caddy');
    const { kid, hmacKey } = await world.externalKey();
    const own = `{\n  admin off\n  http_port ${world.httpPort}\n  https_port ${world.tlsPort}\n  storage file_system ${folder}/store\n`;
    const { text } = fence('caddy', number);
    const global = text.startsWith('{\n') ? own + text.slice(2) : `${own}}\n${text}`;
    const config = global.replace('KID', kid).replace('HMAC_KEY', hmacKey);
    writeFileSync(join(folder, 'Caddyfile'), config);
    const child = spawn('caddy', ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'], {
      env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
    try {
      const name = `caddy${number}.example.test`;
      const pem = await until(50_000, () => {
        const [path] = globSync(`${folder}/store/certificates/*/${name}/${name}.crt`);
        if (path === undefined) throw new Error(`no certificate:\n${said}`);
        return readFileSync(path, 'utf8');
      });
      checkChain(world, pem, [name]);
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  },
  PATIENCE,
);

it('every page names the client’s way to the root and what to do when an order fails', () => {
  for (const page of ['certbot', 'caddy', 'lego', 'acme-sh', 'cert-manager', 'traefik', 'nginx']) {
    const text = readPage(`docs/how-to/acme/${page}.md`);
    expect(text).toMatch(/roots\.pem/);
    expect(text).toContain('index.md#when-an-order-fails');
  }
});
