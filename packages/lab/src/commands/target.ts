import { DEFAULT_NAME } from '../start.ts';
import { Lab } from '../lab.ts';
import { labNames } from '../state.ts';

/**
 * Splits `[LAB/]<cluster>/<what>`. The first word is a cluster of the lab `kosmos` where it has one of that name;
 * else it is the name of a lab where one is called so.
 */
export function parseTarget(text: string): { readonly lab: Lab; readonly target: string } {
  const [first = '', ...rest] = text.split('/');
  const names = labNames();
  const isDefault = names.includes(DEFAULT_NAME) && new Lab(DEFAULT_NAME).clusters.some((c) => c.name === first);
  if (!isDefault && rest.length > 0 && names.includes(first)) return { lab: new Lab(first), target: rest.join('/') };
  return { lab: new Lab(DEFAULT_NAME), target: text };
}
