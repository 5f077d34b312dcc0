/** Operations that change roots and generations. What is refused is on record, as what is done is. */
import type {
  CrlRequest,
  GenerationImpact,
  GenerationRevocation,
  ImportRequest,
  IssuerHistory,
  IssuerImport,
} from '../../../api/authority.ts';
import { formatInstant } from '../../../base/clock.ts';
import { ChanceryError } from '../../../base/errors.ts';
import { principalId } from '../../../domain/identity/principal.ts';
import type { Generation, Root } from '../../../domain/issuance/issuer.ts';
import { parseCaReason } from '../../../domain/revocation/ca-revocation.ts';
import { decodePemOne } from '../../../x509/pem.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { Actor, AdminPorts } from '../ports.ts';
import { recordingRefusal } from '../recording-refusal.ts';
import { renderCrl, renderGeneration, renderPending, renderRoot } from './render-authority.ts';

type ByName = Exchange<unknown, unknown, { name: string }>;
type ById = Exchange<unknown, unknown, { id: string }>;

export const hierarchyOperations = (ports: AdminPorts) => {
  const { authority, generations, roots } = ports;
  const generationReply = (generation: Generation): Reply => ({
    body: renderGeneration(authority, generation),
  });
  const rootReply = (root: Root): Reply => ({ body: renderRoot(authority, root) });

  /** Does it for whoever asks. */
  const act = <T>(
    exchange: Pick<Exchange, 'principal' | 'door' | 'operation'>,
    change: (actor: Actor) => Promise<T>,
  ): Promise<T> => {
    const { principal, door } = exchange;
    const actor: Actor = {
      principal: principalId(principal),
      door: door.name,
      requestId: door.requestId,
      ...(door.address === undefined ? {} : { address: door.address }),
    };
    return recordingRefusal(ports, exchange, () => change(actor));
  };

  return {
    prepareIssuer: async (exchange: ByName): Promise<Reply> => {
      const prepared = await act(exchange, (actor) => generations.prepare(exchange.params.name, actor));
      return {
        body:
          prepared.kind === 'prepared'
            ? { generation: renderGeneration(authority, prepared.generation) }
            : { request: renderPending(prepared.pending) },
      };
    },
    importIssuer: async (exchange: Exchange<IssuerImport, unknown, { name: string }>): Promise<Reply> => {
      const { key, certificate, root, noPreviousCrl } = exchange.body;
      const material = {
        pkcs8: decodePemOne(key, 'PRIVATE KEY'),
        certificate: decodePemOne(certificate, 'CERTIFICATE'),
        root: root === undefined ? undefined : decodePemOne(root, 'CERTIFICATE'),
        noPreviousCrl,
      };
      return generationReply(
        await act(exchange, (actor) => generations.importIssuer(exchange.params.name, material, actor)),
      );
    },
    importHistory: async (exchange: Exchange<IssuerHistory, unknown, { id: string }>): Promise<Reply> => {
      const { crl, index, certificates, noPreviousCrl } = exchange.body;
      const past = {
        crl: crl === undefined ? undefined : decodePemOne(crl, 'X509 CRL'),
        index,
        certificates: certificates.map((text) => decodePemOne(text, 'CERTIFICATE')),
        noPreviousCrl,
      };
      const { generation, known, revocations, crlNumber } = await act(exchange, (actor) =>
        ports.past.import(exchange.params.id, past, actor),
      );
      return {
        body: {
          ...{ generation: generation.id, known, revocations },
          ...(crlNumber !== undefined && { crlNumber: String(crlNumber) }),
          crlsHeldBack: generation.crlsHeldBack === true,
        },
      };
    },
    importGeneration: async (exchange: Exchange<ImportRequest>): Promise<Reply> => {
      const certificate = decodePemOne(exchange.body.certificate, 'CERTIFICATE');
      return generationReply(await act(exchange, (actor) => generations.import(certificate, actor)));
    },
    activateGeneration: async (exchange: ById): Promise<Reply> =>
      generationReply(await act(exchange, (actor) => generations.activate(exchange.params.id, actor))),
    retireGeneration: async (exchange: ById): Promise<Reply> =>
      generationReply(await act(exchange, (actor) => generations.retire(exchange.params.id, actor))),
    showGenerationImpact: ({ params: { id } }: ById): Reply => {
      const generation = authority.generation(id);
      if (generation === undefined)
        throw new ChanceryError('not_found', {
          message: `there is no generation ${JSON.stringify(id)}`,
          rule: 'generations are made by `issuer prepare` and the schedule',
          fix: 'See `chancery issuer list`.',
        });
      const { count, latest } = ports.inventory.living(id, ports.clock.now());
      const policy = authority.policies().find(({ name }) => name === generation.issuer);
      const body: GenerationImpact = {
        generation: id,
        root: generation.root,
        offline: authority.root(generation.root)?.keyId === null,
        living: count,
        ...(latest !== undefined && { latestNotAfter: formatInstant(latest) }),
        logins: policy?.authenticates === true,
      };
      return { body };
    },
    revokeGeneration: async (
      exchange: Exchange<GenerationRevocation, unknown, { id: string }>,
    ): Promise<Reply> =>
      generationReply(
        await act(exchange, (actor) =>
          roots.revokeGeneration(exchange.params.id, parseCaReason(exchange.body.reason), actor),
        ),
      ),
    prepareRoot: async (exchange: ByName): Promise<Reply> =>
      rootReply(await act(exchange, (actor) => roots.prepare(exchange.params.name, actor))),
    importRoot: async (exchange: Exchange<ImportRequest, unknown, { name: string }>): Promise<Reply> => {
      const certificate = decodePemOne(exchange.body.certificate, 'CERTIFICATE');
      return rootReply(
        await act(exchange, (actor) => roots.import(exchange.params.name, certificate, actor)),
      );
    },
    activateRoot: async (exchange: ByName): Promise<Reply> =>
      rootReply(await act(exchange, (actor) => roots.activate(exchange.params.name, actor))),
    retireRoot: async (exchange: ByName): Promise<Reply> =>
      rootReply(await act(exchange, (actor) => roots.retire(exchange.params.name, actor))),
    importCrl: async (exchange: Exchange<CrlRequest>): Promise<Reply> => {
      const der = decodePemOne(exchange.body.crl, 'X509 CRL');
      return { body: renderCrl(await act(exchange, (actor) => roots.importCrl(der, actor))) };
    },
  };
};
