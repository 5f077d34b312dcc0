import type { AddressGuard } from '../address-guard.ts';
import type { Journal } from '../fault.ts';
import type { Scope } from '../scope.ts';

/** What one probe carries from step to step. */
export interface Lookup {
  readonly scope: Scope;
  readonly journal: Journal;
  readonly guard: AddressGuard;
}
