/** A login provider as its client sees it: endpoints by discovery (OIDC Discovery 1.0), and JSON over HTTPS. */
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { LoginProvider } from '../../api/logins.ts';
import { ChanceryError } from '../../base/errors.ts';
import { isObject, parseStrictJson } from '../../x509/strict-json.ts';

const MAX_OCTETS = 1024 * 1024;
const TIMEOUT = 10_000;

export interface Endpoints {
  readonly authorization: URL;
  readonly token: URL;
  /** Absent where the provider has no device flow. */
  readonly device: URL | undefined;
}

export interface ProviderAnswer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Throws `unreachable` or `login_provider_unavailable`. */
export async function discover(provider: LoginProvider): Promise<Endpoints> {
  const url = new URL(`${provider.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  const { status, json } = await askProvider(provider, url);
  if (status !== 200 || json['issuer'] !== provider.issuer)
    throw unusable(
      provider,
      status === 200 ? 'its discovery document is of another issuer' : `${url.href} answered ${status}`,
    );
  const endpoint = (name: string): URL | undefined => {
    const value = json[name];
    const found = typeof value === 'string' ? URL.parse(value) : null;
    return found?.protocol === 'https:' ? found : undefined;
  };
  const [authorization, token] = [endpoint('authorization_endpoint'), endpoint('token_endpoint')];
  if (authorization === undefined || token === undefined)
    throw unusable(provider, 'its discovery document has no authorization_endpoint or token_endpoint');
  return { authorization, token, device: endpoint('device_authorization_endpoint') };
}

/** GET, or POST of a form. Redirects are not followed: a form holds what is nobody else's business. */
export async function askProvider(
  provider: LoginProvider,
  url: URL,
  form?: Readonly<Record<string, string>>,
): Promise<ProviderAnswer> {
  const body = form === undefined ? undefined : new URLSearchParams(form).toString();
  const agent = new Agent({
    ...(provider.roots !== undefined && { ca: provider.roots }),
    minVersion: 'TLSv1.2',
  });
  try {
    const answer = await send(url, agent, body);
    const json = parseStrictJson(await readText(answer));
    if (!isObject(json))
      throw new Error(`it answered ${answer.statusCode ?? 0} with something else than JSON`);
    return { status: answer.statusCode ?? 0, json };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new ChanceryError(
      'unreachable',
      {
        message: `cannot reach the login provider ${provider.name} at ${url.origin}: ${code ?? message}`,
        fix: 'Check the network and the name of the provider; try again.',
      },
      { cause },
    );
  } finally {
    agent.destroy();
  }
}

function send(url: URL, agent: Agent, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, {
      agent,
      method: body === undefined ? 'GET' : 'POST',
      signal: AbortSignal.timeout(TIMEOUT),
      headers: {
        accept: 'application/json',
        'user-agent': 'chancery-cli',
        ...(body !== undefined && {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(body),
        }),
      },
    })
      .once('response', resolve)
      .once('error', reject)
      .end(body);
  });
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > MAX_OCTETS) throw new Error('its answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export const unusable = ({ name }: LoginProvider, fault: string): ChanceryError =>
  new ChanceryError('login_provider_unavailable', {
    message: `the login provider ${name} cannot be used: ${fault}`,
    fix: 'Tell an operator: its entry under logins, or the provider, needs a look.',
  });

/** RFC 6749 5.2, 4.1.2.1: what the provider says about a refusal. */
export const refusedLogin = (
  { name }: LoginProvider,
  error: unknown,
  description?: unknown,
): ChanceryError => {
  const words = [error, description]
    .filter((word) => typeof word === 'string' && word !== '')
    .join(': ')
    .slice(0, 300);
  return new ChanceryError('credential_rejected', {
    message: `the login provider ${name} refuses: ${words || 'without a reason'}`,
    rule: 'RFC 6749 5.2',
    fix: 'Log in again; if it stays, ask whoever runs the provider.',
  });
};

export const tooLate = ({ name }: LoginProvider): ChanceryError =>
  new ChanceryError('credential_rejected', {
    message: `nobody logged in at ${name} in time`,
    rule: '--timeout',
    fix: 'Run it again and follow the address that it shows.',
  });
