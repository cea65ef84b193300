/**
 * An error meant for a person: what happened, where, what is allowed, what to do next. The CLI prints it without a stack.
 * `code` is stable, e.g. `KOSMOS_E_TOKEN_MISSING`; the kernel's are in `host/errors.ts` and its README.
 */
export class KosmosError extends Error {
  readonly $$type = 'kosmos/error';
  readonly code: string;
  /** Where: a file, an option path, a plugin and phase, an object. */
  readonly where: string | undefined;
  /** What to do next. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, more: { where?: string; hint?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'KosmosError';
    this.code = code;
    this.where = more.where;
    this.hint = more.hint;
  }
}

/** Several problems found in one go; `errors` has each. */
export class KosmosErrors extends AggregateError {
  readonly $$type = 'kosmos/errors';
  declare readonly errors: KosmosError[];

  constructor(errors: readonly KosmosError[]) {
    super(errors, errors.map((e) => e.message).join('\n'));
    this.name = 'KosmosErrors';
  }
}
