/**
 * Which addresses may be connected to. Names, redirects and name servers are of strangers' choice (RFC 8555 10.4), so
 * every address passes here, and only what passed can be given to `connect.ts`.
 */
import type { Brand } from '../base/brand.ts';
import type { Bytes } from '../x509/bytes.ts';
import { formatIp, ipInRange, type IpRange } from '../x509/ip.ts';
import { embeddedIpv4, SPECIAL_NETWORKS } from './special-networks.ts';

/** Canonical text of an address that a guard let pass, or that the operator configured. */
export type CheckedAddress = Brand<string, 'checked-address'>;

/** The operator's own choice, as `acme.validation.resolver`: it is not judged. */
export const configuredAddress = (address: string): CheckedAddress => address as CheckedAddress;

export type Verdict =
  | { readonly allowed: true; readonly address: CheckedAddress }
  | { readonly allowed: false; readonly address: string; readonly why: string };

interface Rule {
  readonly range: IpRange;
  readonly allow: boolean;
  readonly why: string;
  /** Of two rules with the same prefix the higher one decides. */
  readonly rank: 0 | 1 | 2;
}

const REMEMBERED = 1000;

export class AddressGuard {
  /** Those that decide first come first. */
  readonly #rules: readonly Rule[];
  readonly #verdicts = new Map<string, Verdict>();

  /**
   * The longest prefix decides among `allow`, `deny` and the special networks, which are denied. Of equal ones `deny`
   * comes before `allow`, and both before what is built in. What no rule speaks of is allowed.
   */
  constructor({ allow, deny }: { readonly allow: readonly IpRange[]; readonly deny: readonly IpRange[] }) {
    const rules: Rule[] = [
      ...SPECIAL_NETWORKS.map(({ range, why, text }) => ({
        range,
        allow: false,
        why: `${text}: ${why}`,
        rank: 0 as const,
      })),
      ...allow.map((range) => ({ range, allow: true, why: 'allow', rank: 1 as const })),
      ...deny.map((range) => ({
        range,
        allow: false,
        why: `acme.validation.deny: ${formatIp(range.network)}/${range.prefix}`,
        rank: 2 as const,
      })),
    ];
    this.#rules = rules.sort((a, b) => b.range.prefix - a.range.prefix || b.rank - a.rank);
  }

  /** `octets`: 4 or 16. An IPv6 address that leads to an IPv4 one has to be allowed as both. */
  judge(octets: Bytes): Verdict {
    const address = formatIp(octets);
    const known = this.#verdicts.get(address);
    if (known !== undefined) return known;
    const why = this.#refusal(octets);
    const verdict: Verdict =
      why === undefined
        ? { allowed: true, address: address as CheckedAddress }
        : { allowed: false, address, why };
    if (this.#verdicts.size >= REMEMBERED) this.#verdicts.clear();
    this.#verdicts.set(address, verdict);
    return verdict;
  }

  #refusal(octets: Bytes): string | undefined {
    const own = this.#rules.find(({ range }) => ipInRange(octets, range));
    if (own?.allow === false) return own.why;
    const inner = embeddedIpv4(octets);
    const hidden = inner && this.#refusal(inner);
    return hidden === undefined ? undefined : `it leads to ${formatIp(inner ?? octets)}, ${hidden}`;
  }
}
