/** Nominal typing: a value that went through its parser carries the brand, a bare string does not. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

/** Closes a switch over a union: a new member fails to compile until it is handled. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
