/** Operations on the CRLs of issuers. */
import type { CrlPublication } from '../../../api/crls.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { formatInstant } from '../../../base/clock.ts';
import { principalId } from '../../../domain/identity/principal.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { Actor, AdminPorts, IssuerCrlView } from '../ports.ts';
import { recordingRefusal } from '../recording-refusal.ts';

type Params = { readonly name: string };

export const crlOperations = (ports: AdminPorts) => {
  /** Of all generations of an issuer, the newest first. */
  const list = (name: string): Reply => {
    const ids = generationsOf(name);
    const crls = ports.crls.view().filter(({ generation }) => ids.includes(generation));
    const order = ({ generation }: IssuerCrlView): number => ids.indexOf(generation);
    return { body: { crls: crls.sort((a, b) => order(a) - order(b)).map(render) } };
  };
  const generationsOf = (name: string): readonly string[] => {
    if (ports.authority.policies().some((policy) => policy.name === name))
      return ports.authority
        .generations(name)
        .map(({ id }) => id)
        .reverse();
    throw new ChanceryError('not_found', {
      message: `there is no issuer ${name}`,
      rule: 'issuers stand in the configuration',
      fix: 'See `chancery issuer list`.',
    });
  };
  /** The same clock dated theirs. */
  const rootsAbove = (name: string): ReadonlySet<string> =>
    new Set(ports.authority.generations(name).map(({ root }) => root));

  return {
    listIssuerCrls: ({ params }: Exchange<unknown, unknown, Params>): Reply => list(params.name),
    publishIssuerCrls: async (exchange: Exchange<CrlPublication, unknown, Params>): Promise<Reply> => {
      const { params, body, principal, door } = exchange;
      const actor: Actor = {
        principal: principalId(principal),
        door: door.name,
        requestId: door.requestId,
        ...(door.address === undefined ? {} : { address: door.address }),
      };
      await recordingRefusal(ports, exchange, async () => {
        const publishing = new Set(ports.crls.view().map(({ generation }) => generation));
        for (const id of generationsOf(params.name))
          if (publishing.has(id)) await ports.crls.publish(id, body.acceptClock, actor);
        if (body.acceptClock)
          for (const root of rootsAbove(params.name)) await ports.roots.acceptClock(root, actor);
      });
      return list(params.name);
    },
  };
};

const render = ({ generation, scope, url, crl, problem }: IssuerCrlView) => ({
  generation,
  scope: String(scope),
  url,
  ...(problem === undefined ? {} : { problem }),
  ...(crl === undefined
    ? {}
    : {
        number: String(crl.number),
        thisUpdate: formatInstant(crl.thisUpdate),
        nextUpdate: formatInstant(crl.nextUpdate),
        entries: crl.entries,
        size: crl.size,
        sha256: crl.sha256,
      }),
});
