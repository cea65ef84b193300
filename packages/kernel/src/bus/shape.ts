/** From the text of an object to the one shape that the bus gives out: plain, frozen, without managedFields, sharing what is equal. */
import type { Kind, KObject } from '../contracts/object.ts';
import { apiVersionOf } from './client.ts';

type Json = Record<string, unknown>;

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
  return (Array.isArray(value) ? shareList(value, like as readonly unknown[]) : shareObject(value as Json, like as Json)) as T;
}

// Each by its own kind of loop: `for in` over both takes three times as long.

function shareList(value: unknown[], like: readonly unknown[]): readonly unknown[] {
  let same = value.length === like.length;
  for (let i = 0; i < value.length; i += 1) {
    const mine = value[i];
    const shared = mine === like[i] ? like[i] : share(mine, like[i]);
    if (shared !== like[i]) same = false;
    value[i] = shared;
  }
  return same ? like : Object.freeze(value);
}

function shareObject(value: Json, like: Readonly<Json>): Readonly<Json> {
  const keys = Object.keys(value);
  let same = true;
  for (let i = 0; i < keys.length; i += 1) {
    const key = keys[i] as string;
    const mine = value[key];
    const theirs = like[key];
    if (mine === theirs) {
      if (theirs === undefined) same = false;
      // An equal string is another one in memory.
      else if (typeof mine === 'string') value[key] = theirs;
      continue;
    }
    const shared = share(mine, theirs);
    if (shared !== theirs) same = false;
    if (shared !== mine) value[key] = shared;
  }
  return same && Object.keys(like).length === keys.length ? like : Object.freeze(value);
}

export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
