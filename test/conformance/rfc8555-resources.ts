/** RFC 8555 7.2 to 11: what binds a server about accounts, orders, challenges and revocation. */
import {
  accounts,
  cross,
  dns01,
  http,
  http01,
  httpMusts,
  jws,
  musts,
  orders,
  requirementsOf,
  revoke,
} from './requirement.ts';

const REFUSED_ORDER = 'RFC 8555 7.4: %s is refused';
const WRONG_BINDING = 'RFC 8555 7.3.4: a binding with %s makes no account';
const WRONG_CHANGE = 'RFC 8555 7.3.5: nothing changes when the inner JWS %s';
const TOKENS =
  'RFC 8555 8.3, 8.4, RFC 8737 3: tokens are 256 random bits in base64url, without padding, each its own';

export const RESOURCES = requirementsOf(8555, [
  [
    '7.2',
    'HEAD of newNonce has a fresh nonce; GET is answered with 204 and no body; both are not to be cached',
    http('RFC 8555 7.2: newNonce answers HEAD with 200 and GET with 204'),
  ],
  [
    '7.3',
    'onlyReturnExisting makes no account',
    accounts('RFC 8555 7.3.1: onlyReturnExisting finds an account and never makes one'),
  ],
  [
    '7.3',
    'orders and unknown fields of a client are ignored, and neither they nor onlyReturnExisting reflected',
    musts('RFC 8555 7.3: what a client must not set, or nobody knows, is neither kept nor shown'),
  ],
  [
    '7.3',
    'mailto is supported; unsupportedContact for other schemes, invalidContact for bad values',
    accounts(
      'RFC 8555 7.3: a contact with %s is refused',
      'RFC 8555 7.3: a new account has a URL, its contact, and a list of orders',
    ),
  ],
  [
    '7.3',
    'terms that are required are in the directory, and nobody gets an account without consent',
    [
      ...accounts(
        'RFC 8555 7.3.3: without consent to the terms there is no account, and the answer says where they are',
      ),
      ...musts(
        'RFC 8555 7.1.1: there is no newAuthz where there is no pre-authorization, and meta is an object',
      ),
    ],
  ],
  [
    '7.3.1',
    'newAccount with a known key: 200, its URL, the account as it was, nothing changed',
    [
      ...accounts('RFC 8555 7.3: the same key again is the same account, and changes nothing'),
      ...musts('RFC 8555 7.3.1: a new account request of an account changes nothing, whatever is in it'),
    ],
  ],
  [
    '7.3.1',
    'onlyReturnExisting with an unknown key: 400, accountDoesNotExist',
    accounts('RFC 8555 7.3.1: onlyReturnExisting finds an account and never makes one'),
  ],
  [
    '7.3.2',
    'updates of orders, status and unknown fields are ignored or refused; an accepted one gets 200 and the account',
    accounts(
      'RFC 8555 7.3.2: contact is changed, what is not understood is ignored',
      'RFC 8555 7.3.6: a client can ask for no other status',
    ),
    'a status that is none is refused, not ignored',
  ],
  [
    '7.3.3',
    'new terms: 403, userActionRequired, Link terms-of-service, and instance',
    [
      ...musts('RFC 8555 7.3.3: the problem says where a human being agrees to the terms'),
      ...accounts('RFC 8555 7.3.3: an account from before the terms agrees before it orders'),
    ],
  ],
  [
    '7.3.4',
    'externalAccountRequired is true where a binding is required',
    accounts('RFC 8555 7.3.4: required, and without a binding there is no account'),
  ],
  [
    '7.3.4',
    'a binding that is not verified is not reflected; a verified one is',
    musts('RFC 8555 7.3.4: a binding is reflected where it was verified, and nowhere else'),
  ],
  [
    '7.3.4',
    'of a binding are verified: form, header, key identifier, MAC, and that its payload is the account key',
    accounts(WRONG_BINDING, 'RFC 8555 7.3.4: a binding with %s is accepted'),
  ],
  ['7.3.4', 'its header: a MAC algorithm, kid, no nonce, the url of the outer JWS', accounts(WRONG_BINDING)],
  [
    '7.3.4',
    'no account where any of that fails',
    accounts(
      WRONG_BINDING,
      'RFC 8555 7.3.4: an external key ends by use, by time and by revocation',
      'RFC 8555 7.3.4: a key of another directory is not accepted here',
    ),
  ],
  [
    '7.3.5',
    'of a key change are checked: the inner JWS, its jwk, signature, url, account and oldKey',
    accounts(WRONG_CHANGE, 'RFC 8555 7.3.5: the new key (%s) is the account’s, the old one nobody’s'),
  ],
  ['7.3.5', 'the inner JWS has a jwk, the url of the outer one and no nonce', accounts(WRONG_CHANGE)],
  [
    '7.3.5',
    'no account has the new key',
    accounts('RFC 8555 7.3.5: a key that an account has already is a conflict that names the account'),
  ],
  [
    '7.3.5',
    'pending orders and authorizations outlive a key change',
    musts('RFC 8555 7.3.5: orders and authorizations go on under the new key'),
  ],
  [
    '7.3.6',
    'a POST of a deactivated account: 401, unauthorized',
    [
      ...httpMusts('RFC 8555 7.3.6: the answer to a deactivated account has the status 401'),
      ...accounts('RFC 8555 7.3.6: a deactivated account gets nothing any more, with its key or its URL'),
    ],
  ],
  [
    '7.3.6',
    'the account key signs the deactivation, and nothing is accepted under it afterwards',
    [
      ...accounts(
        'RFC 8555 7.3.6: a deactivated account gets nothing any more, with its key or its URL',
        'RFC 8555 7.3.2: nobody reads or changes the account of somebody else',
      ),
      ...revoke('RFC 8555 7.6: %s revokes nothing'),
    ],
  ],
  [
    '7.4',
    'an order that cannot be fulfilled as it was asked for is refused',
    orders(
      REFUSED_ORDER,
      'RFC 8555 7.4: an order with %s is refused',
      'RFC 8555 7.4: what no grant allows is rejected with the explanation, and audited',
    ),
  ],
  [
    '7.4',
    'no certificate has other contents than were asked for',
    orders(
      'RFC 8555 7.4: from order to certificate, the chain and its alternate',
      'RFC 8555 7.4: notBefore and notAfter: the life that was asked for, a zero time as absent',
    ),
    'notBefore: a little before now, whatever was asked for up to now; the future is refused',
  ],
  [
    '7.4',
    'a CSR names exactly what the order does, in commonName or subjectAltName',
    orders(
      'RFC 8555 7.4: a request that %s is refused',
      'RFC 8555 7.4: a name may stand in commonName; one that is none of the order’s may not',
    ),
  ],
  [
    '7.4',
    'an order that is not ready: 403, orderNotReady',
    orders('RFC 8555 7.4: an order that is not ready is not finalized'),
  ],
  [
    '7.5.1',
    'fields of a response that the challenge does not have are ignored',
    musts('RFC 8555 7.5.1: what a response has beside is passed over'),
  ],
  [
    '7.5.1',
    'an invalid response: an HTTP error',
    musts('RFC 8555 7.5.1: a response that is none is an error, and nothing is looked at'),
  ],
  [
    '7.5.1',
    'an authorization that became valid has expires',
    musts(
      'RFC 8555 7.1.4: a valid authorization says until when, with the challenge and when it was validated',
    ),
  ],
  [
    '7.5.1',
    'polling while it is validated: 200',
    musts('RFC 8555 7.5.1: while it is looked at, polling gets 200 with when to come again'),
  ],
  [
    '7.5.2',
    'its owner, and nobody else, deactivates an authorization',
    [...cross('RFC 8555 7: ${who} %s: refused', 'RFC 8555 7: its owner may still do all of it')],
  ],
  [
    '7.5.2',
    'nothing is issued on a deactivated authorization',
    orders('RFC 8555 7.5.2: a deactivated authorization is of no use any more'),
  ],
  [
    '7.6',
    'a reason that is not allowed: badRevocationReason',
    revoke('RFC 8555 7.6: the reason %j is none for a leaf', 'RFC 8555 7.6: the reason %i is taken'),
  ],
  [
    '7.6',
    'that the key may revoke the certificate is verified first',
    revoke(
      'RFC 8555 7.6: %s revokes nothing',
      'RFC 8555 7.6: an authorization that ended, or is for the wildcard, does not count',
    ),
  ],
  [
    '7.6',
    'the account that issued it may revoke, and one with authorizations for all its identifiers',
    revoke(
      'RFC 8555 7.6: the account that ordered a certificate revokes it, once',
      'RFC 8555 7.6: an account that holds authorizations for all its names revokes it',
    ),
  ],
  [
    '7.6',
    'the private key of the certificate may revoke it',
    revoke(
      'RFC 8555 7.6: the key of the certificate revokes it; as keyCompromise also after a harmless reason',
    ),
  ],
  [
    '8',
    'a valid challenge has validated',
    musts(
      'RFC 8555 7.1.4: a valid authorization says until when, with the challenge and when it was validated',
    ),
  ],
  [
    '8',
    'a challenge with an error is invalid',
    musts('RFC 8555 8: a challenge has an error when it is invalid, and not before'),
  ],
  [
    '8.1',
    'the key authorization has the SHA-256 thumbprint of the account key (RFC 7638)',
    [
      ...orders('RFC 8555 8.1: the probe is told the key authorization of the account’s key'),
      ...http(
        'RFC 8555 7.4: a certificate by http-01, its chain, its renewal information and its revocation',
      ),
    ],
  ],
  [
    '8.2',
    'retries are told by Retry-After, and by an error after each query that failed',
    [
      ...musts(
        'RFC 8555 7.5.1: while it is looked at, polling gets 200 with when to come again',
        'RFC 8555 8: a challenge has an error when it is invalid, and not before',
      ),
      ...orders('RFC 8555 8.2: what may pass later is tried again with growing pauses'),
    ],
    'no error while it is processing: RFC 8555 8 allows one only with the status invalid',
  ],
  ['8.3', 'the token has 128 bits of entropy or more, in base64url without padding', musts(TOKENS)],
  [
    '8.3',
    'the body is the key authorization, octet by octet',
    http01(
      'RFC 8555 8.3: GET of the well-known path with the name as Host; the body is the key authorization',
      'RFC 8555 8.3: a body that is not the key authorization proves nothing: %s',
      'RFC 8555 8.3: only the status 200 counts, not %i, even with the right body',
    ),
  ],
  [
    '8.3',
    'the request goes to TCP port 80',
    [
      ...http01('RFC 8555 8.3: port 80 where nothing else is configured, and then no port in Host'),
      ...httpMusts(
        'RFC 8555 8.3, RFC 8737 3: validation goes to ports 80 and 443 where nothing else is configured',
      ),
    ],
    'an operator can configure another port',
  ],
  ['8.4', 'the token has 128 bits of entropy or more, in base64url without padding', musts(TOKENS)],
  [
    '8.4',
    'the TXT record is the digest of the key authorization',
    dns01(
      'RFC 8555 8.4: the digest of the key authorization as TXT under _acme-challenge proves control',
      'RFC 8555 8.4: a wrong record proves nothing: %s',
    ),
  ],
  [
    '9.1',
    'a chain is strict PEM without text beside it, the end entity first',
    musts('RFC 8555 9.1: the chain is strict PEM with nothing beside, the end entity first'),
  ],
  [
    '11.1',
    'the key of a CSR is that of no account',
    [
      ...orders('RFC 8555 11.1: the key of the certificate is that of no account'),
      ...musts('RFC 8555 11.1: a CSR under the key of any account is refused'),
    ],
  ],
  [
    '11.1',
    'no key is that of two accounts',
    [
      ...accounts(
        'RFC 8555 7.3: who asks twice at once gets one account',
        'RFC 8555 7.3.5: a key that an account has already is a conflict that names the account',
      ),
      ...jws('RFC 8555 6.2: an account with a key for %s is made and asks for an order'),
    ],
    'of one directory: each directory has its own accounts',
  ],
]);
