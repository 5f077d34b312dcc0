/** Device authorization grant (RFC 8628): the person logs in wherever they have a browser. */
import { setTimeout } from 'node:timers/promises';
import type { LoginProvider } from '../../api/logins.ts';
import { harmless, say, type Terminal } from '../terminal.ts';
import { type IdToken, readIdToken } from './id-token.ts';
import { askProvider, type Endpoints, refusedLogin, tooLate, unusable } from './provider.ts';

export interface DeviceFlow {
  readonly provider: LoginProvider;
  readonly endpoints: Endpoints & { readonly device: URL };
  readonly terminal: Terminal;
  readonly timeout: number;
}

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** Section 3.5: added to the interval by slow_down, in seconds; and the interval where none is given. */
const STEP = 5;

export async function logInByDevice({
  provider,
  endpoints,
  terminal,
  timeout,
}: DeviceFlow): Promise<IdToken> {
  const { status, json } = await askProvider(provider, endpoints.device, {
    client_id: provider.clientId,
    scope: provider.scopes.join(' '),
  });
  if (status !== 200) throw refusedLogin(provider, json['error'], json['error_description']);
  const [code, userCode, address] = ['device_code', 'user_code', 'verification_uri'].map(
    (name) => json[name],
  );
  if (typeof code !== 'string' || typeof userCode !== 'string' || typeof address !== 'string')
    throw unusable(provider, 'its device endpoint answers with something else (RFC 8628 3.2)');
  say(terminal, `log in at ${harmless(address)} with the code ${harmless(userCode)}`);

  const life = numberOr(json['expires_in'], 1800) * 1000;
  const deadline = terminal.now() + Math.min(timeout, life);
  let interval = numberOr(json['interval'], STEP);
  while (terminal.now() + interval * 1000 < deadline) {
    await setTimeout(interval * 1000);
    const answer = await askProvider(provider, endpoints.token, {
      grant_type: GRANT,
      device_code: code,
      client_id: provider.clientId,
    });
    const error = answer.status === 200 ? undefined : answer.json['error'];
    if (error === 'slow_down') interval += STEP;
    else if (error !== 'authorization_pending') return readIdToken(provider, answer);
  }
  throw tooLate(provider);
}

const numberOr = (value: unknown, fallback: number): number =>
  typeof value === 'number' && value > 0 && value < 86_400 ? value : fallback;
