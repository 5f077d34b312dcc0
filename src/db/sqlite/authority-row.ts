/** Rows of roots and generations ↔ what the domain knows. */
import type { GenerationFacts, PendingGeneration, RootFacts } from '../../domain/issuance/issuer.ts';

export interface RootRow {
  readonly name: string;
  readonly line: string;
  readonly number: number;
  /** Empty where the key is not here. */
  readonly key_id: string;
  readonly certificate: Buffer;
  readonly prepared_at: number;
  readonly activated_at: number | null;
  readonly retired_at: number | null;
}

export interface GenerationRow {
  readonly id: string;
  readonly issuer: string;
  readonly root: string;
  readonly number: number;
  readonly key_id: string;
  readonly certificate: Buffer;
  readonly shards: number;
  readonly prepared_at: number;
  readonly activated_at: number | null;
  readonly retired_at: number | null;
  readonly stopped: string | null;
  readonly crls_held_back: number;
}

export interface PendingRow {
  readonly id: string;
  readonly issuer: string;
  readonly root: string;
  readonly number: number;
  readonly key_id: string;
  readonly csr: Buffer;
  readonly created_at: number;
}

export const readRoot = (row: RootRow): RootFacts => ({
  name: row.name,
  line: row.line,
  number: row.number,
  keyId: row.key_id === '' ? null : row.key_id,
  certificate: row.certificate,
  preparedAt: row.prepared_at,
  activatedAt: row.activated_at,
  retiredAt: row.retired_at,
});

export const readPending = (row: PendingRow): PendingGeneration => ({
  id: row.id,
  issuer: row.issuer,
  root: row.root,
  number: row.number,
  keyId: row.key_id,
  csr: row.csr,
  createdAt: row.created_at,
});

export const generationParameters = (facts: GenerationFacts): unknown[] => [
  facts.id,
  facts.issuer,
  facts.root,
  facts.number,
  facts.keyId,
  facts.certificate,
  facts.shards,
  facts.preparedAt,
  facts.activatedAt,
  facts.retiredAt,
  facts.stopped,
  facts.crlsHeldBack === true ? 1 : 0,
];

export const readGeneration = (row: GenerationRow): GenerationFacts => ({
  id: row.id,
  issuer: row.issuer,
  root: row.root,
  number: row.number,
  keyId: row.key_id,
  certificate: row.certificate,
  shards: row.shards,
  preparedAt: row.prepared_at,
  activatedAt: row.activated_at,
  retiredAt: row.retired_at,
  stopped: row.stopped,
  ...(row.crls_held_back === 1 && { crlsHeldBack: true }),
});
