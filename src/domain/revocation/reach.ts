/** Whom the revocation of a certificate reaches: everybody who asks, or only our own doors (RFC 9608). */
import type { Bytes } from '../../x509/bytes.ts';
import { findExtension, readCertificate } from '../../x509/certificate.ts';
import { OID } from '../../x509/oids.ts';

/**
 * `everybody`: relying parties find it in CRL and OCSP. `here`: the certificate says noRevAvail, so that they do not
 * look; only this server refuses it.
 */
export type RevocationReach = 'everybody' | 'here';

export const revocationReach = ({ der }: { readonly der: Bytes }): RevocationReach =>
  findExtension(readCertificate(der), OID.noRevAvail) === undefined ? 'everybody' : 'here';

/** What whoever revokes such a certificate has to hear; `undefined` where there is nothing to say. */
export const reachNotice = (reach: RevocationReach): string | undefined =>
  reach === 'here'
    ? 'the certificate has noRevAvail (RFC 9608): relying parties do not ask whether it is revoked, and only this server refuses it; elsewhere it is good until it expires'
    : undefined;
