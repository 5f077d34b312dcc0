import { apt, onPath } from '../installers.mjs';

/** An authoritative DNS server that takes updates (RFC 2136, TSIG). */
export const peer = {
  name: 'knot',
  present: () => onPath('knotd') && onPath('knotc'),
  install: () => apt('knot', 'knot-dnsutils'),
};
