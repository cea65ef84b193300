/** A failure inside a CEL function; its message is worded as cel-go words it. */
export class CelFailure extends Error {}

export function fail(message: string): never {
  throw new CelFailure(message);
}
