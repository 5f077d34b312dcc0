/**
 * finalize (RFC 8555 7.4): from an order that is ready to its certificate. The certificate and the order's claim on it are
 * recorded in one transaction, so after a crash the order is ready as before, or valid; it is never left in between.
 */
import { floorToSecond, SECOND } from '../../base/clock.ts';
import { isChanceryError } from '../../base/errors.ts';
import { type Bytes, toHex } from '../../x509/bytes.ts';
import { type CertificationRequest, readCertificationRequest } from '../../x509/csr.ts';
import { strictBase64Url } from '../../x509/jws.ts';
import { type Name, parseGeneralNames, parseName } from '../identity/names.ts';
import { issue } from '../issuance/issue.ts';
import { checkCaaAgain } from './caa.ts';
import { type AcmePorts, type AcmeReply, principalOf } from './context.ts';
import type { AcmeOrder } from './order.ts';
import { authorizationsOf, findOrder, orderReply, statusOf, whileFinalizing } from './orders.ts';
import { AcmeProblem, asProblem } from './problem.ts';
import { certificateFor, takeRate } from './rate-limit.ts';
import { type AccountRequest, requirePayload } from './request.ts';

export async function finalize(ports: AcmePorts, request: AccountRequest): Promise<AcmeReply> {
  const order = findOrder(ports, request);
  const payload = requirePayload(request);
  const authorizations = authorizationsOf(ports, order);
  const status = statusOf(ports, order, authorizations);
  if (status !== 'ready')
    throw new AcmeProblem('orderNotReady', `the order is ${status}, not ready (RFC 8555 7.4)`);
  const csr = readCsr(payload['csr']);
  const certificationRequest = readRequest(csr);
  checkKey(ports, request, certificationRequest);
  checkNames(order, certificationRequest);
  const serial = await whileFinalizing(order.id, async () => {
    // others for the same names may have been finalized since the order began
    if (order.replaces === null) await takeRate(ports, [certificateFor(request.account, order.names)]);
    await checkCaaAgain(ports, request, order, authorizations);
    return issueFor(ports, request, order, csr, certificationRequest);
  });
  return orderReply(ports, { ...order, certificate: serial }, authorizations);
}

async function issueFor(
  ports: AcmePorts,
  { account, call }: AccountRequest,
  order: AcmeOrder,
  csr: Bytes,
  request: CertificationRequest,
): Promise<string> {
  const { issuance, store } = ports;
  try {
    const now = issuance.clock.now();
    const issued = await issue(issuance, {
      principal: principalOf(ports, account),
      door: call.door,
      issuer: order.issuer,
      profile: order.profile,
      proof: { csr, request },
      names: order.names,
      order: order.id,
      // the last second that the certificate is valid in is the one that was asked for
      ...(order.notAfter !== null && { ttl: order.notAfter - floorToSecond(now) + SECOND }),
    });
    if (issued.kind === 'issued') return issued.record.serial;
    throw new Error('an order was claimed by an Idempotency-Key');
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    // what is left to be wrong with the profile is the key
    const problem =
      error.code === 'profile_violation' ? new AcmeProblem('badCSR', error.message) : asProblem(error);
    if (problem.type !== 'serverInternal')
      await store.orders.refuse(order.id, problem.message.slice(0, 1000));
    throw problem;
  }
}

const badCsr = (detail: string): AcmeProblem => new AcmeProblem('badCSR', `${detail} (RFC 8555 7.4)`);

function readCsr(text: unknown): Bytes {
  const csr = typeof text === 'string' ? strictBase64Url(text) : undefined;
  if (csr === undefined || csr.length === 0) throw badCsr('csr is not the base64url of a DER request');
  return csr;
}

function readRequest(csr: Bytes): CertificationRequest {
  try {
    return readCertificationRequest(csr);
  } catch (error) {
    throw isChanceryError(error) ? asProblem(error) : error;
  }
}

/** RFC 8555 11.1: a key is an account's or a certificate's, never both. */
function checkKey({ store }: AcmePorts, { key }: AccountRequest, { publicKey }: CertificationRequest): void {
  const fingerprint = toHex(publicKey.fingerprint);
  if (fingerprint === key.fingerprint || store.accounts.hasKey(fingerprint))
    throw new AcmeProblem('badCSR', 'the key of the request is that of an account (RFC 8555 11.1)');
}

/** The names of the request, in subjectAltName or commonName, are exactly those of the order. */
function checkNames(order: AcmeOrder, request: CertificationRequest): void {
  const asked = new Set([...requestNames(request)].map(({ kind, value }) => `${kind}:${value}`));
  const wanted = new Set(order.names.map(({ kind, value }) => `${kind}:${value}`));
  const missing = [...wanted].filter((name) => !asked.has(name));
  const extra = [...asked].filter((name) => !wanted.has(name));
  if (missing.length + extra.length === 0) return;
  const words = [
    ...(missing.length > 0 ? [`it lacks ${missing.slice(0, 5).join(', ')}`] : []),
    ...(extra.length > 0 ? [`it has ${extra.slice(0, 5).join(', ')} beside them`] : []),
  ];
  throw badCsr(`the request does not name exactly what the order does: ${words.join('; ')}`);
}

function requestNames({ names, commonNames }: CertificationRequest): Name[] {
  try {
    return [...parseGeneralNames(names), ...commonNames.map(nameOfCommonName)];
  } catch (error) {
    if (!isChanceryError(error)) throw error;
    throw badCsr(`the request has a name that cannot be certified: ${error.message}`);
  }
}

function nameOfCommonName(text: string): Name {
  try {
    return parseName('ip', text);
  } catch {
    return parseName('dns', text);
  }
}
