/** From the text of an object to the one shape that the bus gives out: plain, frozen, without managedFields, sharing what is equal. */
import type { Kind, KObject } from '../contracts/object.ts';
import { apiVersionOf } from './client.ts';

type Json = Readonly<Record<string, unknown>>;

/** Items of a list lack apiVersion and kind; nobody here reads managedFields, which are a third of many objects. */
export function shapeOf(kind: Kind<unknown>): (object: KObject) => KObject {
  const apiVersion = apiVersionOf(kind);
  return (object) => {
    // It is the last field of metadata: to delete that one is cheap.
    delete (object.metadata as { managedFields?: unknown }).managedFields;
    return object.kind === undefined || object.apiVersion === undefined ? { ...object, apiVersion, kind: kind.kind } : object;
  };
}

/**
 * `value`, frozen, with every part that equals the one at its place in `like` replaced by that one. So an update has what it did
 * not change in common with the object before it, and the pods of one Deployment have most of their spec in common.
 */
export function share<T>(value: T, like: unknown): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (typeof like !== 'object' || like === null || Array.isArray(value) !== Array.isArray(like)) return freeze(value);
  const [target, other] = [value as Record<string, unknown>, like as Json];
  let same = true;
  let size = 0;
  for (const key in target) {
    size += 1;
    const mine = target[key];
    const theirs = other[key];
    const shared = mine === theirs ? theirs : share(mine, theirs);
    if (shared !== theirs || theirs === undefined) same = false;
    // An equal string is another one in memory.
    if (shared !== mine || (typeof mine === 'string' && shared === theirs)) target[key] = shared;
  }
  if (same && size === sizeOf(other)) return like as T;
  return Object.freeze(value);
}

function sizeOf(object: Json): number {
  let size = 0;
  for (const _ in object) size += 1;
  return size;
}

export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const key in value) freeze(value[key]);
  return Object.freeze(value);
}
