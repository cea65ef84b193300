import { differences, type Difference } from './compare.ts';
import type { Servers } from './servers.ts';
import type { Case, Step } from './side.ts';

/** So many steps that do not depend on each other are under way at once. */
const AT_ONCE = 8;

/** Asks both servers all steps of a case, and tells what they answered differently. */
export async function run({ real, embedded }: Servers, { name, steps, apart }: Case): Promise<Difference[]> {
  const found: Difference[] = [];
  const ask = async (step: Step): Promise<void> => {
    const [a, b] = await Promise.all([real.ask(step), embedded.ask(step)]);
    found.push(...differences(step, a, b).map((d) => ({ case: name, do: step.do, ...d })));
  };
  const left = [...steps];
  const worker = async (): Promise<void> => {
    for (let step; (step = left.shift());) await ask(step);
  };
  await Promise.all(Array.from({ length: apart ? AT_ONCE : 1 }, worker));
  return found;
}
