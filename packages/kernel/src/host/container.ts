/** The one place that knows awilix: who provides which token, each once unless the token takes many, and what a plugin may see of it. */
import { type AwilixContainer, asValue, createContainer } from 'awilix';
import type { AnyToken, Needs } from '../contracts/token.ts';
import { fail } from './errors.ts';

/** A token's identity: two copies of a contracts package have the same. */
export const tokenKey = (token: AnyToken): string => `${token.id}@${token.major}`;

export class Container {
  readonly #store: AwilixContainer = createContainer();
  /** Registrations of each token, in the order of their providers. */
  readonly #providers = new Map<string, { readonly plugin: string; readonly name: string }[]>();

  provide(plugin: string, token: AnyToken, value: unknown): void {
    const key = tokenKey(token);
    const known = this.#providers.get(key) ?? [];
    const [first] = known;
    if (first && !token.many)
      throw fail('KOSMOS_E_TOKEN_TWICE', `plugins '${first.plugin}' and '${plugin}' both provide '${token.id}'`, {
        where: `plugin ${plugin}`,
      });
    const name = `${key}#${known.length}`;
    this.#store.register(name, asValue(value));
    this.#providers.set(key, [...known, { plugin, name }]);
  }

  has(token: AnyToken): boolean {
    return token.many || this.#providers.has(tokenKey(token));
  }

  get(token: AnyToken): unknown {
    const values = (this.#providers.get(tokenKey(token)) ?? []).map(({ name }) => this.#store.resolve<unknown>(name));
    return token.many ? Object.freeze(values) : values[0];
  }

  /** An object with the values of these needs, and nothing else; what is not there is left out. */
  scope(needs: Needs): Readonly<Record<string, unknown>> {
    const there = Object.entries(needs).filter(([, token]) => this.has(token));
    return Object.freeze(Object.fromEntries(there.map(([key, token]) => [key, this.get(token)])));
  }

  async dispose(): Promise<void> {
    await this.#store.dispose();
    this.#providers.clear();
  }
}
