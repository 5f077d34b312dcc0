/** Hosts and ports as URLs and people write them (RFC 3986 3.2.2): an IPv6 address stands in brackets. */

/** Puts an IPv6 address into brackets. */
export const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The host of a URL, without brackets. */
export const bareHost = ({ hostname }: { readonly hostname: string }): string =>
  hostname.replace(/^\[|\]$/g, '');

/** `192.0.2.1:443`, `[2001:db8::1]:443`, `localhost:8443` */
export const formatHostPort = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `${bracketed(host)}:${port}`;
