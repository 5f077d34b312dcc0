/** Who works on a data folder from the host itself, for the audit log: the system knows them by number. */
import { hostname, userInfo } from 'node:os';

export const localPrincipal = (): string => `local:uid:${process.getuid?.() ?? 'unknown'}`;

export const localCaller = (): { readonly uid: number; readonly user: string; readonly host: string } => ({
  uid: process.getuid?.() ?? -1,
  user: userName(),
  host: hostname(),
});

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return ''; // a number without an entry in passwd, as containers have them
  }
}
