import { differences, type Difference } from './compare.ts';
import type { Servers } from './servers.ts';
import type { Case, Step } from './side.ts';

/** So many steps that do not depend on each other are under way at once. */
const AT_ONCE = 8;

/** Asks both servers all steps of a case, and tells what they answered differently. */
export async function run({ real, embedded }: Servers, { name, steps, apart, next }: Case): Promise<Difference[]> {
  const found: Difference[] = [];
  let last: unknown;
  const ask = async (step: Step): Promise<void> => {
    const [a, b] = await Promise.all([real.ask(step), embedded.ask(step)]);
    last = a.body;
    found.push(...differences(step, a, b).map((d) => ({ case: name, do: step.do, ...d })));
  };
  const all = async (left: Step[], atOnce: number): Promise<void> => {
    const worker = async (): Promise<void> => {
      for (let step; (step = left.shift());) await ask(step);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  await all([...steps], apart ? AT_ONCE : 1);
  if (next) await all(next(last), AT_ONCE);
  return found;
}
