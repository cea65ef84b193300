/**
 * Tokens name what one plugin provides and another requires. A token's identity is its id and major version, never the
 * object itself: two copies of a contracts package interoperate.
 */
export interface Token<T> {
  readonly $$type: 'kosmos/token';
  readonly id: string;
  readonly major: number;
  readonly many: boolean;
  readonly _T?: (value: T) => T;
}

/** A token with any number of providers, e.g. CLI commands or CNI adapters; who requires it gets them all, in plugin order. */
export interface Many<T> extends Token<T> {
  readonly many: true;
}

type TokenId = `${string}.${string}`;

/** A token with exactly one provider. `id` is `<plugin>.<thing>`; raise `major` when T changes incompatibly. */
export function token<T>(id: TokenId, options: { major?: number } = {}): Token<T> & { readonly many: false } {
  return Object.freeze({ $$type: 'kosmos/token', id, major: options.major ?? 1, many: false });
}

/** A token with many providers. */
export function many<T>(id: TokenId, options: { major?: number } = {}): Many<T> {
  return Object.freeze({ $$type: 'kosmos/token', id, major: options.major ?? 1, many: true });
}

/** A token of whatever type. */
// biome-ignore lint: a token is invariant in its type
export type AnyToken = Token<any>;

export type Needs = Readonly<Record<string, AnyToken>>;
/** What a requirer receives for a token. */
export type Received<K> = K extends Many<infer T> ? readonly T[] : K extends Token<infer T> ? T : never;
/** What a provider gives for a token. */
export type Provided<K> = K extends Token<infer T> ? T : never;
