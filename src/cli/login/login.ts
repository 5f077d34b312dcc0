/** The verb: provider → ID token → certificate → context. The token is used once and kept nowhere. */
import type { IssuedCertificate, SignRequest } from '../../api/certificates.ts';
import type { LoginList, LoginProvider } from '../../api/logins.ts';
import { ChanceryError } from '../../base/errors.ts';
import { parseDuration } from '../../base/clock.ts';
import { type Name, parseNames } from '../../domain/identity/names.ts';
import { flatten, type NameOptions, readNames } from '../cert/names.ts';
import { makeRequest } from '../cert/request.ts';
import type { Asking } from '../command.ts';
import { withContext } from '../connect.ts';
import { type Context, findContext } from '../context.ts';
import { nextCommand, shellWord } from '../next-command.ts';
import { nearestWord } from '../nearest-word.ts';
import { printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { say, type Terminal } from '../terminal.ts';
import { logInByCode } from './code-flow.ts';
import { logInByDevice } from './device-flow.ts';
import { type IdToken, verifiedEmail } from './id-token.ts';
import { discover } from './provider.ts';
import { findPlace, preparePlace, saveLogin } from './save.ts';

export interface LoginOptions extends Asking, NameOptions {
  readonly provider?: string;
  readonly profile: string;
  readonly issuer?: string;
  readonly ttl?: string;
  readonly browser: boolean;
  readonly timeout: string;
  readonly saveAs?: string;
}

export async function login(session: Session, options: LoginOptions): Promise<void> {
  const { terminal } = session;
  // whatever login there is may be over: it is not needed
  const { login: _, ...context } = await findContext(options, terminal);
  const name = options.saveAs ?? options.context ?? context.trustDomain ?? context.server.hostname;
  const place = await findPlace(name, context, terminal);
  const provider = await withContext(context, async (client) =>
    chooseProvider(await client.get<LoginList>('/logins'), options.provider),
  );
  await preparePlace(place);
  const token = await obtainToken(provider, options, terminal);
  const { issued, privateKey } = await enrol({ ...context, bearer: token.text }, options, token);
  await saveLogin(place, context, issued, privateKey);
  await printSheet(terminal, options.output, {
    resource: { context: name, provider: provider.name, ...issued, files: place },
    name,
    heading: flatten(issued.names)[0] ?? issued.serial,
    fields: [
      ['context', name],
      ['serial', issued.serial],
      ['issued by', `${issued.issuer} (${issued.generation}), profile ${issued.profile}`],
      ['allowed by', issued.rule],
      ['expires', timeWithDistance(issued.notAfter, terminal.now())],
      ['files', [place.certificate, place.key]],
    ],
  });
  if (options.output === 'table' || options.output === 'wide')
    say(terminal, `next: ${nextCommand(`cert list --context ${shellWord(name)}`)}`);
}

function chooseProvider({ logins }: LoginList, wanted: string | undefined): LoginProvider {
  const names = logins.map(({ name }) => name);
  const [only] = logins;
  if (wanted === undefined && only !== undefined && logins.length === 1) return only;
  const found = logins.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const near = wanted === undefined ? undefined : nearestWord(wanted, names);
  throw new ChanceryError('usage', {
    message:
      wanted === undefined
        ? logins.length === 0
          ? 'the server has no login provider for people'
          : 'the server has several login providers'
        : `the server has no login provider "${wanted}"`,
    rule: `login providers: ${names.join(', ') || 'none; logins.<name>.client in the configuration makes one'}`,
    fix: near === undefined ? 'Name one with --provider.' : `Did you mean ${near}?`,
  });
}

async function obtainToken(
  provider: LoginProvider,
  options: LoginOptions,
  terminal: Terminal,
): Promise<IdToken> {
  const endpoints = await discover(provider);
  const { device } = endpoints;
  const timeout = parseDuration(options.timeout) ?? 0;
  const browser = options.browser ? browserOf(terminal) : undefined;
  if (browser === undefined && device !== undefined)
    return logInByDevice({ provider, endpoints: { ...endpoints, device }, terminal, timeout });
  return logInByCode({ provider, endpoints, terminal, browser, timeout });
}

/** What opens an address where a person sees it. */
function browserOf({ environment, stderr }: Terminal): string | undefined {
  if (environment['BROWSER']) return environment['BROWSER'];
  if (stderr.isTTY !== true) return undefined;
  if (process.platform === 'darwin') return 'open';
  return environment['DISPLAY'] || environment['WAYLAND_DISPLAY'] ? 'xdg-open' : undefined;
}

async function enrol(
  context: Context,
  options: LoginOptions,
  token: IdToken,
): Promise<{ readonly issued: IssuedCertificate; readonly privateKey: string }> {
  const { profile, issuer, ttl } = options;
  return withContext(context, async (client) => {
    const names = ownNames(await readNames(options, client), token);
    const { privateKey, csr } = await makeRequest('ecdsa-p256', names);
    const body: SignRequest = { profile, csr, ...(issuer && { issuer }), ...(ttl && { ttl }) };
    return { issued: await client.post<IssuedCertificate>('/certificates', body), privateKey };
  });
}

function ownNames(given: readonly Name[], token: IdToken): readonly Name[] {
  if (given.length > 0) return given;
  const email = verifiedEmail(token);
  if (email !== undefined) return parseNames({ email: [email] });
  throw new ChanceryError('usage', {
    message: 'no name is given, and the provider vouches for no e-mail address',
    rule: 'a certificate is about names: --email, --uri; or email with email_verified in the ID token',
    fix: 'Add one that a grant gives you, e.g. --email ann@example.test.',
  });
}
