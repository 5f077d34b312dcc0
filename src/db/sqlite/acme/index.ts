/** What the ACME server remembers, on SQLite. */
import type { AcmeStore } from '../../../domain/acme/ports.ts';
import type { Rooms } from '../rooms.ts';
import { openAccounts, openExternalKeys } from './accounts.ts';
import { openAuthorizations } from './authorizations.ts';
import { openOrders, type Orders } from './orders.ts';
import { openRates, openWindows } from './rates.ts';

export interface SqliteAcmeStore extends AcmeStore {
  readonly orders: Orders;
}

export function openAcmeStore(rooms: Rooms): SqliteAcmeStore {
  const authorizations = openAuthorizations(rooms);
  return {
    accounts: openAccounts(rooms),
    externalKeys: openExternalKeys(rooms),
    orders: openOrders(rooms, authorizations),
    authorizations,
    windows: openWindows(rooms),
    rates: openRates(rooms),
  };
}
