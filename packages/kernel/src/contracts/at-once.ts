/** Runs `fn` for each item, `limit` of them at the same time, since servers limit who asks for more. The first failure is thrown at once. */
export async function atOnce<T>(limit: number, items: Iterable<T>, fn: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items].values();
  const work = async () => {
    for (const item of rest) await fn(item);
  };
  await Promise.all(Array.from({ length: limit }, work));
}
