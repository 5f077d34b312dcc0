/** `chancery cert show` */
import type { CertificateDetail } from '../../api/certificates.ts';
import { formatDuration, parseInstant } from '../../base/clock.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printSheet, timeWithDistance } from '../output.ts';
import type { Session } from '../session.ts';
import { labelLines } from './belonging.ts';
import { flatten } from './names.ts';
import { readSerial } from './serial.ts';

export async function show(session: Session, options: Asking, text: string): Promise<void> {
  const { terminal } = session;
  const serial = readSerial(text);
  const found = await withClient(session, options, (client) =>
    client.get<CertificateDetail>(`/certificates/${serial}`),
  );
  const [first = found.serial, ...others] = flatten(found.names);
  await printSheet(terminal, options.output, {
    resource: found,
    name: found.serial,
    heading: first,
    fields: [
      ['also', others.length === 0 ? undefined : others],
      ['state', found.state],
      [
        'revoked',
        found.revokedAt === undefined
          ? undefined
          : `${found.revokedAt}, ${found.revocationReason ?? 'unspecified'}`,
      ],
      ['seen in CRL', visibleText(found.revocation?.recordedAt, found.revocation?.crlSeenAt)],
      ['seen in OCSP', visibleText(found.revocation?.recordedAt, found.revocation?.ocspSeenAt)],
      ['serial', found.serial],
      ['issued by', `${found.issuer} (${found.generation}), profile ${found.profile}`],
      ['issued at', found.issuedAt],
      ['asked by', found.principal],
      ['allowed by', found.rule],
      ['last presented', found.lastPresentedAt],
      ['renews', found.renews],
      ['renewed by', found.renewedBy && `${found.renewedBy}, at ${found.lastRenewedAt ?? ''}`],
      ['owner', found.owner],
      ['labels', found.labels === undefined ? undefined : labelLines(found.labels)],
      ['valid from', found.notBefore],
      ['expires', timeWithDistance(found.notAfter, terminal.now())],
      ['fingerprint', found.fingerprint],
      ['key', found.keyFingerprint, 'wide'],
      ['certificate', found.certificate.trimEnd().split('\n'), 'wide'],
    ],
  });
}

/** When the server's own probe saw the revocation published, and how long after it was recorded. */
function visibleText(recordedAt: string | undefined, seenAt: string | undefined): string | undefined {
  if (recordedAt === undefined) return undefined;
  if (seenAt === undefined) return 'not yet';
  const delay = (parseInstant(seenAt) ?? 0) - (parseInstant(recordedAt) ?? 0);
  return `${seenAt} (after ${formatDuration(delay)})`;
}
