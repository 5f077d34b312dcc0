/** RFC 8555 5, 6 and 7.1: what binds a server about messages and resources. */
import {
  accounts,
  cross,
  http,
  httpMusts,
  jws,
  musts,
  orders,
  problems,
  property,
  requirementsOf,
} from './requirement.ts';

const HOSTILE = 'RFC 8555 6.2: %s is refused within 50 ms';

export const MESSAGES = requirementsOf(8555, [
  [
    '5',
    'messages are in UTF-8',
    [
      ...property('RFC 8555 6.2: a body of whatever octets is refused with 4xx'),
      ...http('RFC 8555 7.1.1: the directory names every resource under externalUrl, and its profiles'),
    ],
  ],
  ['6.1', 'ACME is spoken over HTTPS', httpMusts('RFC 8555 6.1: there is no ACME but over HTTPS')],
  [
    '6.1',
    'base64url with padding is refused',
    [...jws(HOSTILE), ...musts('RFC 8555 6.2: a JWS %s is refused')],
  ],
  [
    '6.2',
    'the JWS is verified before anything is done',
    [...jws(HOSTILE), ...property('RFC 8555 6.2: a JWS in which one character is another is refused')],
  ],
  ['6.2', 'a JWS is in the Flattened JSON Serialization, with one signature', jws(HOSTILE)],
  ['6.2', 'no Unencoded Payload Option (RFC 7797)', jws(HOSTILE)],
  ['6.2', 'no unprotected header', jws(HOSTILE)],
  ['6.2', 'no detached payload', musts('RFC 8555 6.2: a JWS %s is refused')],
  ['6.2', 'the protected header has alg, nonce, url, and jwk or kid', jws(HOSTILE)],
  ['6.2', 'alg is neither none nor a MAC', jws(HOSTILE)],
  ['6.2', 'ES256 is there', jws('RFC 8555 6.2: an account with a key for %s is made and asks for an order')],
  ['6.2', 'jwk and kid together are refused', jws(HOSTILE)],
  [
    '6.2',
    'jwk for newAccount and for revokeCert by certificate key, kid for everything else',
    [
      ...musts('RFC 8555 6.2: newAccount takes a jwk, everything else of an account its kid'),
      ...jws(HOSTILE),
    ],
  ],
  [
    '6.2',
    'another algorithm: 400, badSignatureAlgorithm, with the list of those that would do',
    [...jws(HOSTILE, 'RFC 8555 6.2: badSignatureAlgorithm says what would do')],
  ],
  [
    '6.2',
    'a key that is not taken: 400, badPublicKey',
    [
      ...jws('RFC 8555 6.2: %s as jwk is refused as badPublicKey'),
      ...accounts('RFC 8555 11.1: a key on the block list stands for no account'),
    ],
  ],
  [
    '6.2',
    'a Content-Type other than application/jose+json: 415',
    http('RFC 8555 6.5.1: refused, an answer has a fresh nonce, its type and the way to the directory'),
  ],
  [
    '6.3',
    'GET of all but a few resources: 405, malformed',
    httpMusts('RFC 8555 6.3: GET of %s is answered with 405 and malformed'),
  ],
  [
    '6.3',
    'POST-as-GET is authenticated and its access control checked',
    [
      ...musts('RFC 8555 6.3: POST-as-GET is asked who sent it, like any request'),
      ...cross('RFC 8555 7: ${who} %s: refused'),
    ],
  ],
  [
    '6.3',
    'POST-as-GET means what GET would mean',
    [
      ...jws('RFC 8555 6.3: what is only read takes no payload, not even an empty object'),
      ...orders(
        'RFC 8555 7.4: an order lists its identifiers, an authorization for each, and where to finalize',
      ),
    ],
  ],
  [
    '6.3',
    'GET and POST-as-GET of directory and newNonce',
    [
      ...musts('RFC 8555 6.3: POST-as-GET reads directory and newNonce, too'),
      ...httpMusts('RFC 8555 6.3: directory and newNonce are read with GET, HEAD and POST-as-GET'),
    ],
  ],
  [
    '6.4',
    'url is compared with the URL of the request, as a string; unauthorized where they differ',
    jws(HOSTILE, 'RFC 8555 6.4: the URL is the one that the server gives out, whatever Host was asked'),
  ],
  ['6.4.1', 'url stands in the protected header, as a string', jws(HOSTILE)],
  [
    '6.5',
    'a Replay-Nonce in every successful answer to a POST',
    httpMusts('RFC 8555 6.5: every answer to a POST has a nonce that is good for the next'),
  ],
  [
    '6.5',
    'only nonces that this server gave out are accepted',
    [
      ...jws(
        HOSTILE,
        'RFC 8555 6.5: a nonce with %s is refused',
        'RFC 8555 6.5: a nonce of an earlier process, or of another server, is refused',
      ),
      ...http('RFC 8555 6.5: a nonce from before a restart is refused, and what was made is still there'),
    ],
  ],
  [
    '6.5',
    'a nonce that was in a request is never accepted again',
    jws(
      'RFC 8555 6.5: a nonce sent twice in parallel is accepted once, 1,000 times',
      'RFC 8555 6.5: nonces are bounded: who waits for a whole window to pass has lost it',
    ),
  ],
  ['6.5', 'an unacceptable nonce, or none: 400, badNonce', jws(HOSTILE)],
  [
    '6.5',
    'badNonce comes with a nonce that is accepted for the retry',
    http('RFC 8555 6.5: badNonce comes with a nonce that is good for the next try'),
  ],
  [
    '6.5.1',
    'nonces are unique, cannot be foretold, and are in base64url',
    musts('RFC 8555 6.5.1: nonces are in base64url, never the same, and one does not tell the next'),
  ],
  ['6.5.2', 'nonce stands in the protected header', jws(HOSTILE)],
  ['6.5.2', 'a nonce that is not base64url: malformed', jws(HOSTILE)],
  [
    '6.6',
    'over a limit: rateLimited',
    orders(
      'RFC 8555 6.6: over the limit an order is refused with the time to come again',
      'RFC 8555 6.6: a name is counted over all accounts',
    ),
  ],
  [
    '6.7',
    'only registered types in the namespace of ACME errors',
    problems(
      'RFC 8555 6.7: every registered type has its status, and there is no other',
      'RFC 8555 6.7: %s is told as %s',
    ),
  ],
  [
    '6.7.1',
    'identifier is an ACME identifier, in subproblems and never at the top',
    [
      ...musts('RFC 8555 6.7.1: an identifier never stands at the top of a problem'),
      ...problems('RFC 8555 6.7.1: subproblems have types and identifiers'),
      ...orders('RFC 8555 6.7.1: every identifier that is refused is named'),
    ],
  ],
  [
    '7.1',
    'directory and newNonce are there',
    http(
      'RFC 8555 7.1.1: the directory names every resource under externalUrl, and its profiles',
      'RFC 8555 7.2: newNonce answers HEAD with 200 and GET with 204',
    ),
  ],
  [
    '7.1.1',
    'no newAuthz without pre-authorization',
    musts('RFC 8555 7.1.1: there is no newAuthz where there is no pre-authorization, and meta is an object'),
  ],
  [
    '7.1.1',
    'meta is an object; caaIdentities are what CAA records are compared with',
    musts('RFC 8555 7.1.1: there is no newAuthz where there is no pre-authorization, and meta is an object'),
  ],
  [
    '7.1.2.1',
    'the list of orders is an object with orders, an array of URLs',
    accounts('RFC 8555 7.1.2.1: orders are listed page by page, without those that came to nothing'),
  ],
  [
    '7.1.3',
    'a pending or valid order has expires',
    musts(
      'RFC 8555 7.1.3: identifiers and authorizations of an order never change, and it says until when it is',
    ),
  ],
  [
    '7.1.3',
    'identifiers and authorizations of an order never change',
    musts(
      'RFC 8555 7.1.3: identifiers and authorizations of an order never change, and it says until when it is',
    ),
  ],
  [
    '7.1.3',
    'the authorization for a wildcard has no *. and wildcard is true',
    musts(
      'RFC 8555 7.1.4: a wildcard’s authorization is for the name without *., and says so; others do not',
    ),
  ],
  [
    '7.1.4',
    'a valid authorization has expires',
    musts(
      'RFC 8555 7.1.4: a valid authorization says until when, with the challenge and when it was validated',
    ),
  ],
  [
    '7.1.4',
    'wildcard is true for wildcards and absent otherwise; no wildcard in an authorization',
    musts(
      'RFC 8555 7.1.4: a wildcard’s authorization is for the name without *., and says so; others do not',
    ),
  ],
  [
    '7.1.4',
    'a DNS name is in the form that it has in a certificate',
    orders('RFC 8555 7.4: an order with %s is refused'),
  ],
  [
    '7.1.4',
    'what begins with xn-- is checked for its encoding',
    musts('RFC 8555 7.1.4: an identifier with a broken A-label is refused: %s'),
  ],
]);
