import { equal, type JsonObject } from '../schema/schema.ts';

interface Names {
  plural: string;
  singular?: string;
  shortNames?: string[];
  kind: string;
  listKind?: string;
  categories?: string[];
}

/** Names as the API shows them: what is empty is left out, but for the two that each definition has. */
function shown({ plural, singular, shortNames, kind, listKind, categories }: Names): Names {
  return {
    plural,
    ...(singular ? { singular } : {}),
    ...(shortNames?.length ? { shortNames } : {}),
    kind,
    ...(listKind ? { listKind } : {}),
    ...(categories?.length ? { categories } : {}),
  };
}

function setCondition(status: JsonObject, type: string, value: boolean, reason: string, message: string, now: string): void {
  const conditions: JsonObject[] = (status['conditions'] ??= []);
  const is = value ? 'True' : 'False';
  const old = conditions.find((c) => c['type'] === type);
  if (!old) conditions.push({ type, status: is, lastTransitionTime: now, reason, message });
  else Object.assign(old, { status: is, reason, message }, old['status'] === is ? {} : { lastTransitionTime: now });
}

const condition = (crd: JsonObject, type: string): boolean =>
  (crd['status']?.conditions ?? []).some((c: JsonObject) => c['type'] === type && c['status'] === 'True');

/** Whether a definition has all the names that it wants. */
export const namesAccepted = (crd: JsonObject): boolean => condition(crd, 'NamesAccepted');

/** Whether objects of a definition are served, which they are from when it first had all its names. */
export const isEstablished = (crd: JsonObject): boolean => condition(crd, 'Established');

/**
 * Says in a definition's status which of the names that it wants it has: those that no other of its group has. Names that it
 * had stay its own until it gets others.
 * @param all every definition there is, this one may be among them
 */
export function settleNames(crd: JsonObject, all: readonly JsonObject[], now: string): void {
  const status: JsonObject = (crd['status'] ??= {});
  const wanted: Names = crd['spec'].names;
  const had: Names = status['acceptedNames'] ?? { plural: '', kind: '' };
  const others = all.filter((o) => o['metadata'].name !== crd['metadata'].name && o['spec'].group === crd['spec'].group);
  const taken = others.map((o): Names => o['status']?.acceptedNames ?? { plural: '', kind: '' });
  const resources = new Set(taken.flatMap((n) => [n.plural, n.singular, ...(n.shortNames ?? [])]));
  const kinds = new Set(taken.flatMap((n) => [n.kind, n.listKind]));
  const inUse = (name: string | undefined, from: Set<string | undefined>): string[] =>
    name && from.has(name) ? [`${JSON.stringify(name)} is already in use`] : [];
  const names: Names = { ...had, categories: wanted.categories ?? [] };
  // Of several conflicts the last one is told.
  let problem: [reason: string, message: string] | undefined;
  for (const [key, from, reason] of [
    ['plural', resources, 'PluralConflict'],
    ['singular', resources, 'SingularConflict'],
    ['shortNames', resources, 'ShortNamesConflict'],
    ['kind', kinds, 'KindConflict'],
    ['listKind', kinds, 'ListKindConflict'],
  ] as const) {
    const want = wanted[key];
    const conflicts = equal(want, had[key]) ? [] : [want ?? []].flat().flatMap((name) => inUse(name, from));
    if (conflicts.length) problem = [reason, conflicts.length > 1 ? `[${conflicts.join(', ')}]` : conflicts[0]!];
    else Object.assign(names, { [key]: want });
  }
  status['acceptedNames'] = structuredClone(shown(names));
  if (problem) {
    setCondition(status, 'NamesAccepted', false, ...problem, now);
    if (!isEstablished(crd)) setCondition(status, 'Established', false, 'NotAccepted', 'not all names are accepted', now);
  } else {
    setCondition(status, 'NamesAccepted', true, 'NoConflicts', 'no conflicts found', now);
    if (!isEstablished(crd)) setCondition(status, 'Established', true, 'InitialNamesAccepted', 'the initial names have been accepted', now);
  }
}
