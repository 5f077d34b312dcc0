/** A line of the conformance report. */
export interface Requirement {
  /** `8555` */
  readonly rfc: number;
  readonly section: string;
  /** What a server must do, in few words of our own. */
  readonly must: string;
  /** What shows it. Everything that runs under these titles has to pass. */
  readonly tests: readonly TestTitle[];
  /** Why, where the letter of it is not followed: a row of docs/divergences.md has the rest. */
  readonly departure?: string;
}

export interface TestTitle {
  /** From the root of the repository. */
  readonly file: string;
  /** As it stands in the file: `%s`, `${…}` and the like stand for any text. */
  readonly title: string;
  /** Where the title stands, if the file takes it from another. */
  readonly source?: string;
}

export type Row = readonly [section: string, must: string, tests: readonly TestTitle[], departure?: string];

export const requirementsOf = (rfc: number, rows: readonly Row[]): Requirement[] =>
  rows.map(([section, must, tests, departure]) => ({
    rfc,
    section,
    must,
    tests,
    ...(departure !== undefined && { departure }),
  }));

const inFile =
  (file: string, source?: string) =>
  (...titles: readonly string[]): TestTitle[] =>
    titles.map((title) => ({ file, title, ...(source !== undefined && { source }) }));

export const accounts = inFile('test/domain/acme/accounts.test.ts');
export const cross = inFile('test/domain/acme/cross.test.ts');
export const jws = inFile('test/domain/acme/jws.test.ts');
export const musts = inFile('test/domain/acme/musts.test.ts');
export const orders = inFile('test/domain/acme/orders.test.ts');
export const problems = inFile('test/domain/acme/problem.test.ts');
export const revoke = inFile('test/domain/acme/revoke.test.ts');
export const http = inFile('test/http/acme.test.ts');
export const httpMusts = inFile('test/http/acme-musts.test.ts');
export const property = inFile('test/property/acme.test.ts', 'test/property/acme-requests.ts');
export const http01 = inFile('test/validation/http-01.test.ts');
export const dns01 = inFile('test/validation/dns-01.test.ts');
export const tlsAlpn01 = inFile('test/validation/tls-alpn-01.test.ts');
