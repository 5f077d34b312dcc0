/** Every address behind a name: each instance is looked at. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export { formatHostPort as formatPlace } from '../base/host-port.ts';

/** Reads `name:port`, `192.0.2.1:443`, `[2001:db8::1]:443`; `undefined` for anything else. */
export function parsePlace(text: string): Place | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port >= 1 && port <= 65535)) return undefined;
  if (match?.[1] !== undefined && isIP(host) !== 6) return undefined;
  return { host, port };
}

export type Resolve = (host: string) => Promise<readonly string[]>;

/** All addresses of the host, in a stable order. */
export const resolveAll: Resolve = async (host) =>
  isIP(host) === 0
    ? [
        ...new Set((await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address)),
      ].sort()
    : [host];
