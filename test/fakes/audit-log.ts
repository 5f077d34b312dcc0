import { type AuditDraft, type AuditEntry } from '../../src/domain/audit/entry.ts';
import { EMPTY_CHAIN, link } from '../../src/domain/audit/chain.ts';
import type { AuditHead } from '../../src/domain/audit/head.ts';
import { PreparedHead } from '../../src/domain/audit/heads.ts';
import type { AuditLog, HeadSigner } from '../../src/domain/audit/ports.ts';
import { toHex } from '../../src/x509/bytes.ts';
import { type KeyPair, signWith } from '../../src/x509/key-pair.ts';

/** The log of record in memory: really chained, durable at once. */
export class MemoryAuditLog implements AuditLog {
  readonly #entries: AuditEntry[] = [];
  readonly #heads: AuditHead[] = [];

  append(draft: AuditDraft): AuditEntry {
    const entry = link(this.#entries.at(-1) ?? EMPTY_CHAIN, draft);
    this.#entries.push(entry);
    return entry;
  }

  entries(from: number, limit: number): readonly AuditEntry[] {
    return this.#entries.slice(from - 1, from - 1 + limit);
  }

  last(): AuditEntry | undefined {
    return this.#entries.at(-1);
  }

  heads(from: number, limit: number): readonly AuditHead[] {
    return this.#heads.filter(({ sequence }) => sequence >= from).slice(0, limit);
  }

  lastHead(): AuditHead | undefined {
    return this.#heads.at(-1);
  }

  addHead(head: AuditHead): Promise<void> {
    this.#heads.push(head);
    return Promise.resolve();
  }

  /** Signs the end and keeps the head. */
  seal(signer: HeadSigner, now: number): AuditHead {
    const end = this.last();
    if (end === undefined) throw new Error('an empty log has no end to sign');
    const head = signer.sign(PreparedHead.of(end, this.lastHead(), now));
    this.#heads.push(head);
    return head;
  }
}

/** Signs with a key in memory. */
export function headSigner(pair: KeyPair): HeadSigner & { readonly keyId: string } {
  const keyId = toHex(pair.publicKey.fingerprint);
  return { keyId, sign: (prepared) => prepared.signed(keyId, signWith(pair, prepared.redeem(keyId))) };
}
