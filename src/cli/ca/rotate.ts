/** `chancery ca prepare | activate | retire`, `chancery ca import`, `chancery ca import-crl`. */
import type { CrlResource, GenerationResource, RootResource } from '../../api/authority.ts';
import { encodePem } from '../../x509/pem.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printGeneration } from '../issuer/rotate.ts';
import { MAX_CRL_INPUT, readInputs } from '../offline/input.ts';
import { printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';

/** A step of a root. */
export const rootStep =
  (step: 'prepare' | 'activate' | 'retire') =>
  async (session: Session, options: Asking, name: string): Promise<void> => {
    const root = await withClient(session, options, (client) =>
      client.post<RootResource>(`/roots/${encodeURIComponent(name)}/${step}`, undefined),
    );
    await printRoot(session, options, root, NEXT[step](root.name));
  };

const printRoot = (
  { terminal }: Session,
  { output }: Asking,
  root: RootResource,
  next: string,
): Promise<void> =>
  printSheet(terminal, output, {
    resource: root,
    name: root.name,
    heading: `${root.name} is ${root.state}`,
    fields: [
      ['subject', root.subject],
      ['fingerprint', root.fingerprint],
      ['expires', timeWithDistance(root.notAfter, terminal.now())],
      ['next', next],
    ],
  });

const NEXT = {
  prepare: (name: string) =>
    `wait until every client has the new roots.pem, then: chancery ca activate ${name}`,
  activate: () =>
    'the issuers below it follow by schedule, or at once with chancery issuer prepare; the old root retires last',
  retire: () => 'take it out of trust stores that are not kept up to date by themselves',
} as const;

export async function importCertificate(session: Session, options: Asking, path: string): Promise<void> {
  const [der] = await readInputs(path, 'certificate');
  const certificate = encodePem('CERTIFICATE', der ?? new Uint8Array(0));
  const generation = await withClient(session, options, (client) =>
    client.post<GenerationResource>('/generations', { certificate }),
  );
  await printGeneration(session, options, generation);
}

export async function importRoot(
  session: Session,
  options: Asking,
  name: string,
  path: string,
): Promise<void> {
  const [der] = await readInputs(path, 'certificate');
  const root = await withClient(session, options, (client) =>
    client.post<RootResource>(`/roots/${encodeURIComponent(name)}/import`, {
      certificate: encodePem('CERTIFICATE', der ?? new Uint8Array(0)),
    }),
  );
  await printRoot(session, options, root, NEXT.prepare(root.name));
}

export async function importCrl(session: Session, options: Asking, path: string): Promise<void> {
  const [der] = await readInputs(path, 'crl', MAX_CRL_INPUT);
  const crl = await withClient(session, options, (client) =>
    client.post<CrlResource>('/crls', { crl: encodePem('X509 CRL', der ?? new Uint8Array(0)) }),
  );
  await printSheet(session.terminal, options.output, {
    resource: crl,
    name: crl.number,
    heading: `the CRL of ${crl.root} is published`,
    fields: [
      ['number', crl.number],
      ['the next one is due by', timeWithDistance(crl.nextUpdate, session.terminal.now())],
    ],
  });
}
