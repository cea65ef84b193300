import type { IncomingMessage } from 'node:http';
import { badRequest } from '../http/errors.ts';
import type { Attributes } from './rbac.ts';
import type { User } from './tokens.ts';

const PREFIX = 'impersonate-';
const EXTRA = 'impersonate-extra-';
const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * The user that a client wants to be taken for (`kubectl --as`), and what the client must have the right to do for that, one by
 * one; undefined where it is itself. @throws 400 for groups without a user
 */
export function impersonated(req: IncomingMessage): { user: User; rights: Attributes[] } | undefined {
  const names = Object.keys(req.headers).filter((h) => h.startsWith(PREFIX));
  if (!names.length) return undefined;
  const name = req.headers['impersonate-user'];
  if (typeof name !== 'string' || !name) throw badRequest(`requested [${names.join(' ')}] without impersonating a user`);
  // Node joins headers of one name; a group has no comma, so they come apart again.
  const asked = listOf(req.headers['impersonate-group']);
  const uid = req.headers['impersonate-uid'];
  const extra: Record<string, string[]> = {};
  for (const h of names) if (h.startsWith(EXTRA)) extra[decodeURIComponent(h.slice(EXTRA.length))] = listOf(req.headers[h]);
  const right = (resource: string, of: string, namespace = '', group = ''): Attributes => ({
    verb: 'impersonate',
    group,
    resource,
    namespace,
    name: of,
    path: '',
  });
  const account = ACCOUNT.exec(name);
  const rights = [
    account ? right('serviceaccounts', account[2]!, account[1]!) : right('users', name),
    ...asked.map((g) => right('groups', g)),
    ...(typeof uid === 'string' ? [right('uids', uid, '', 'authentication.k8s.io')] : []),
    ...Object.entries(extra).flatMap(([key, values]) => values.map((v) => right(`userextras/${key}`, v, '', 'authentication.k8s.io'))),
  ];
  const groups = account && !asked.length ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`] : asked;
  const known = name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  return {
    user: {
      name,
      groups: groups.includes(known) ? groups : [...groups, known],
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(Object.keys(extra).length ? { extra } : {}),
    },
    rights,
  };
}

const listOf = (value: string | string[] | undefined): string[] =>
  (Array.isArray(value) ? value : (value ?? '').split(',')).map((v) => v.trim()).filter(Boolean);
