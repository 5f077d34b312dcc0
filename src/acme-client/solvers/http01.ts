/** http-01 (RFC 8555 8.3): on a listener of our own, or as a file in the webroot of a server that is there. */
import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type { Solver, Task } from '../order.ts';

const PATH = '/.well-known/acme-challenge/';

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** Answers for as many orders as run at once; listens only while one of them needs it. */
export class Http01Listener implements Solver {
  readonly type = 'http-01';
  readonly #listen: Listen;
  readonly #answers = new Map<string, string>();
  #server: Promise<Server> | undefined;

  constructor(listen: Listen) {
    this.#listen = listen;
  }

  suits = (_: unknown, wildcard: boolean): boolean => !wildcard;

  async present({ token, keyAuthorization }: Task): Promise<void> {
    this.#answers.set(token, keyAuthorization);
    this.#server ??= this.#open();
    try {
      await this.#server;
    } catch (error) {
      this.#server = undefined;
      this.#answers.delete(token);
      throw error;
    }
  }

  async remove({ token }: Task): Promise<void> {
    this.#answers.delete(token);
    if (this.#answers.size > 0 || this.#server === undefined) return;
    const closing = this.#server;
    this.#server = undefined;
    const server = await closing;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #open(): Promise<Server> {
    const server = createServer({ requestTimeout: 5000, headersTimeout: 5000 }, (request, response) => {
      const url = request.url ?? '';
      const answer = url.startsWith(PATH) ? this.#answers.get(url.slice(PATH.length)) : undefined;
      response
        .writeHead(answer === undefined ? 404 : 200, {
          'content-type': 'application/octet-stream',
          connection: 'close',
        })
        .end(answer ?? '');
    });
    server.maxConnections = 100;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#listen.port, this.#listen.host, () => {
        server.off('error', reject);
        resolve(server);
      });
    });
  }
}

/** Tokens are base64url (checked where they are read), so that they are file names and nothing more. */
export class Http01Webroot implements Solver {
  readonly type = 'http-01';
  readonly #folder: string;

  /** `webroot` is absolute and one of `delivery.paths` of this host: whoever calls has checked that. */
  constructor(webroot: string) {
    this.#folder = join(webroot, PATH);
  }

  suits = (_: unknown, wildcard: boolean): boolean => !wildcard;

  async present({ token, keyAuthorization }: Task): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    const temporary = join(this.#folder, `.${token}.tmp`);
    const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
    const file = await open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o644);
    try {
      await file.chmod(0o644);
      await file.writeFile(keyAuthorization);
    } finally {
      await file.close();
    }
    await rename(temporary, join(this.#folder, token));
  }

  remove({ token }: Task): Promise<void> {
    return rm(join(this.#folder, token), { force: true });
  }
}
