/** The only source of randomness for domain code. Cryptographically strong outside of tests. */
export interface Random {
  /** `length` fresh octets. */
  bytes(length: number): Uint8Array;
}
