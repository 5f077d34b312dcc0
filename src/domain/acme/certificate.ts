/** Downloading a certificate (RFC 8555 7.4.2). */
import { encodePem } from '../../x509/pem.ts';
import { type AcmePorts, type AcmeReply, resourceUrl } from './context.ts';
import { notFound } from './problem.ts';
import { type AccountRequest, requirePostAsGet } from './request.ts';

const MEDIA_TYPE = 'application/pem-certificate-chain';

/** The second chain, for clients that can only be given whole ones: the same with its root. */
const WITH_ROOT = '1';

export function certificate(ports: AcmePorts, request: AccountRequest): AcmeReply {
  requirePostAsGet(request);
  const { account, call } = request;
  const { issuer } = call.directory;
  const serial = call.id !== undefined && /^[0-9a-f]{2,40}$/.test(call.id) ? call.id : '';
  const order = serial === '' ? undefined : ports.store.orders.findByCertificate(serial);
  const mine = order?.account === account.id && order.issuer === issuer;
  const found = mine ? ports.issuance.ledger.findCertificate(serial) : undefined;
  const chain = found && ports.chain(found.generation);
  if (found === undefined || chain === undefined || (call.part !== undefined && call.part !== WITH_ROOT))
    throw notFound('certificate of yours');
  const withRoot = call.part === WITH_ROOT;
  const own = resourceUrl(ports, issuer, 'certificate', serial);
  return {
    status: 200,
    type: MEDIA_TYPE,
    body: [found.der, chain.issuer, ...(withRoot ? [chain.root] : [])]
      .map((der) => encodePem('CERTIFICATE', der))
      .join(''),
    links: [{ url: withRoot ? own : `${own}/${WITH_ROOT}`, relation: 'alternate' }],
  };
}
