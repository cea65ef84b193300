/** Waits until `done` says so; the error says what was seen last. */
export async function waitFor(
  done: () => boolean | Promise<boolean>,
  what: string,
  ms = 10_000,
  saw: () => unknown = () => '',
): Promise<void> {
  const until = Date.now() + ms;
  while (!(await done())) {
    if (Date.now() > until) throw new Error(`waited ${ms} ms for ${what}; saw: ${JSON.stringify(saw())}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
