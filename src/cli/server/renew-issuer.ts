/** `chancery server admin renew-issuer`: without the server. */
import type { Printing } from '../command.ts';
import { writeFiles } from '../files.ts';
import { readInputs } from '../offline/input.ts';
import { printSheet } from '../output.ts';
import { type LocalOptions, programOptions } from '../program-options.ts';
import type { Session } from '../session.ts';

export interface RenewIssuerOptions extends LocalOptions, Printing {
  readonly out: string;
  readonly certificate?: string;
}

export async function renewIssuer(
  { terminal, programs }: Session,
  options: RenewIssuerOptions,
  issuer: string,
): Promise<void> {
  const [certificate] =
    options.certificate === undefined ? [] : await readInputs(options.certificate, 'certificate');
  const { renewIssuer: renew } = await programs();
  const renewed = await renew({ ...programOptions(options, terminal, 'stderr'), issuer, certificate });
  const { generation, root, csr, notAfter } = renewed;
  const out = options.out.replace('GENERATION', generation);
  if (csr !== undefined) await writeFiles([{ path: out, content: csr, mode: 0o644 }]);
  await printSheet(terminal, options.output, {
    resource: renewed,
    name: generation,
    heading: csr === undefined ? `${generation} issues now` : `${generation} needs the signature of ${root}`,
    fields: [
      ['request', csr && out],
      ['expires', notAfter],
      [
        'next',
        csr === undefined
          ? 'chancery server admin recover, where the login of the admin is over too; then start the server'
          : `there: chancery ca sign-csr ${out} …; then here the same command with --certificate FILE`,
      ],
    ],
  });
}
