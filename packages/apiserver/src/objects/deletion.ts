import { conflict, type ApiError } from '../http/errors.ts';
import type { Resource } from '../kinds/resource.ts';
import type { Entry } from '../storage/store.ts';

/** A kind as its errors tell of it: that of events is core's, whoever asks. */
export const told = (resource: Resource): Resource => (resource.kept ? { ...resource, group: '' } : resource);

/** @throws a 409 where the object is not the one that a deletion is for */
export function refuseOther(
  resource: Resource,
  { name, uid, version }: Entry,
  wanted: { uid?: string; resourceVersion?: string } | undefined,
): void {
  const own = resource.emptied !== undefined || resource.storage === 'namespaces';
  const refuse = (what: string, asked: string, is: string | number, why: string): ApiError => {
    if (own) return conflict(resource, name, `Precondition failed: ${what} in precondition: ${asked}, ${what} in object meta: ${is}`);
    return conflict(
      { ...told(resource), plural: resource.kind },
      name,
      `the ${what} in the precondition (${asked}) does not match the ${what} in record (${is}). The object might have been ${why}`,
    );
  };
  if (wanted?.uid !== undefined && wanted.uid !== uid) throw refuse('UID', wanted.uid, uid, 'deleted and then recreated');
  if (wanted?.resourceVersion !== undefined && wanted.resourceVersion !== String(version))
    throw refuse('ResourceVersion', wanted.resourceVersion, version, 'modified');
}

/** The finalizers of an object that is deleted: what its dependents wait for, by the request, else as it was, else by its kind. */
export function dependentsFinalizers(before: string[], policy: string | undefined, orphans: boolean): string[] {
  const others = before.filter((f) => f !== 'orphan' && f !== 'foregroundDeletion');
  if (policy === undefined && others.length < before.length) return before;
  if (policy === 'Orphan' || (policy === undefined && orphans)) return [...others, 'orphan'];
  return policy === 'Foreground' ? [...others, 'foregroundDeletion'] : others;
}
