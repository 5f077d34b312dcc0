/** The grants of a server: its own, those of its configuration, and those that operators made. */
import { type Configuration, listenerIssuer, loginIssuer } from '../config/index.ts';
import { GrantBook } from '../domain/identity/grant-book.ts';
import { requireChoice } from './admin-login.ts';
import { adminGrant, listenerGrant, managedGrant } from './builtin-grants.ts';
import type { OpenedData } from './open.ts';
import { ownNames } from './own-certificate.ts';

export function grantBook(config: Configuration, made: OpenedData['store']['grants']): GrantBook {
  const login = requireChoice(loginIssuer(config));
  const fixed = [
    adminGrant(config.trustDomain, login),
    listenerGrant(requireChoice(listenerIssuer(config)), ownNames(config)),
    managedGrant(),
    ...config.grants,
  ];
  return new GrantBook(fixed, made, config.trustDomain);
}
