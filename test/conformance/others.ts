/** RFC 8737, 8738 and 9773: what binds a server. */
import { dns01, http01, httpMusts, musts, orders, requirementsOf, revoke, tlsAlpn01 } from './requirement.ts';

const WRONG = 'RFC 8737 3: a wrong certificate proves nothing: %s';
const RIGHT = 'RFC 8737 3: a self-signed certificate with one dNSName and the digest proves control';
const WRONG_ADDRESS = 'RFC 8738 6: a wrong certificate for an address proves nothing: %s';
const REVERSE = [
  'RFC 8738 6: for an IPv4 address one iPAddress, and SNI is the name of its reverse zone',
  'RFC 8738 6: for an IPv6 address one iPAddress, and SNI is the name of its reverse zone',
  'RFC 8738 6: the reverse names of RFC 1035 and RFC 3596',
];

export const TLS_ALPN = requirementsOf(8737, [
  [
    '3',
    'the token has 128 bits of entropy or more, in base64url without padding',
    musts(
      'RFC 8555 8.3, 8.4, RFC 8737 3: tokens are 256 random bits in base64url, without padding, each its own',
    ),
  ],
  [
    '3',
    'the certificate has an acmeIdentifier and a subjectAltName with one dNSName, the name',
    tlsAlpn01(RIGHT, WRONG),
  ],
  [
    '3',
    'acmeIdentifier is critical, and the SHA-256 digest of the key authorization',
    tlsAlpn01(RIGHT, WRONG),
  ],
  [
    '3',
    'the connection goes to TCP port 443',
    httpMusts(
      'RFC 8555 8.3, RFC 8737 3: validation goes to ports 80 and 443 where nothing else is configured',
    ),
    'an operator can configure another port',
  ],
  [
    '3',
    'the ClientHello offers acme-tls/1 alone, and the name as SNI',
    tlsAlpn01('RFC 8737 3: the handshake offers acme-tls/1 and nothing else, and SNI is the name'),
  ],
  [
    '3',
    'acme-tls/1 is negotiated, or it fails',
    tlsAlpn01('RFC 8737 3: acme-tls/1 has to be negotiated, the right certificate is not enough: %s'),
  ],
  [
    '3',
    'dNSNames are compared without regard to case',
    tlsAlpn01('RFC 8737 3: the dNSName is compared without regard to case'),
  ],
  ['3', 'names are A-labels', musts('RFC 8555 7.1.4: an identifier with a broken A-label is refused: %s')],
  ['4', 'acme-tls/1 carries no data: the connection is closed after the handshake', tlsAlpn01(RIGHT)],
  [
    '4',
    'TLS 1.2 or later',
    tlsAlpn01('RFC 8737 4: %s is spoken', 'RFC 8737 4: a server that speaks TLS 1.1 at most is refused'),
  ],
]);

export const ADDRESSES = requirementsOf(8738, [
  [
    '3',
    'the identifier of an address has the type ip and is written as RFC 1123 2.1 or RFC 5952 4 say',
    orders(
      'RFC 8555 7.4: an order lists its identifiers, an authorization for each, and where to finalize',
      'RFC 8555 7.4: an order with %s is refused',
    ),
  ],
  [
    '4',
    'nothing is resolved: the address itself is connected to',
    [
      ...http01('RFC 8738 4, 5: an IPv4 address is connected to itself without any lookup, and is the Host'),
      ...tlsAlpn01(...REVERSE.slice(0, 2)),
    ],
  ],
  [
    '5',
    'http-01: Host is the address',
    http01(
      'RFC 8738 4, 5: an IPv4 address is connected to itself without any lookup, and is the Host',
      'RFC 8738 5: an IPv6 address stands in Host as RFC 5952 writes it, in brackets',
    ),
  ],
  ['6', 'tls-alpn-01: the certificate has one iPAddress, the address', tlsAlpn01(...REVERSE, WRONG_ADDRESS)],
  ['6', 'tls-alpn-01: SNI is the name of the reverse zone', tlsAlpn01(...REVERSE)],
  [
    '7',
    'dns-01 is not used for addresses',
    [
      ...dns01('RFC 8738 7: dns-01 is not used for IP addresses: %s'),
      ...orders('RFC 8555 7.1.3, RFC 8738 7: %s is shown by %j'),
    ],
  ],
]);

export const RENEWAL = requirementsOf(9773, [
  [
    '3',
    'the directory has renewalInfo',
    musts('RFC 9773 3: the directory says where renewal information is'),
  ],
  [
    '4.1',
    'identifiers of certificates have no padding',
    [
      ...musts('RFC 9773 4.1: identifiers have no padding, and a serial with its top bit set has its zero'),
      ...revoke('RFC 9773 4.1: an identifier that is none, of nobody or of another directory is refused'),
    ],
  ],
  [
    '4.2',
    'a window ends after it starts, always',
    revoke(
      'RFC 9773 4.2: a week’s certificate is renewed in its last third, and the window ends long before it does',
      'RFC 9773 4.3: of %s the client asks again after a 24th of the life, within a minute and six hours',
      'RFC 9773 4.2: a revoked certificate is to be renewed at once',
      'RFC 9773 4.2: an operator moves the windows of what was issued so far, and never makes one later',
    ),
  ],
  [
    '5',
    'a certificate that is replaced already: 409, alreadyReplaced',
    revoke('RFC 9773 5: replaces is recorded once for each certificate that it replaces'),
  ],
  [
    '5',
    'replaces is in the answer, and in the order from then on',
    musts('RFC 9773 5: replaces is in the order at once and whenever it is read'),
  ],
]);
