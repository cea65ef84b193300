import { randomUUID, sign, verify } from 'node:crypto';
import type { Pki } from './pki.ts';

/** Who makes a request. */
export interface User {
  name: string;
  groups: string[];
  uid?: string;
  extra?: Record<string, string[]>;
}

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Who issues tokens, and the audience of those for this server. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Claims of a token (RFC 7519), those of Kubernetes' bound service account tokens among them. */
export interface Claims {
  sub: string;
  iss: string;
  aud: string[];
  iat: number;
  exp?: number;
  jti: string;
  groups?: string[];
  'kubernetes.io'?: {
    namespace: string;
    serviceaccount: { name: string; uid: string };
    pod?: { name: string; uid: string };
    secret?: { name: string; uid: string };
  };
}

/** Makes a token that only this cluster's key can have signed; it needs no memory of the server. */
export function makeToken(pki: Pki, claims: Partial<Claims> & { sub: string }): string {
  const body: Claims = { iss: ISSUER, aud: [ISSUER], iat: Math.floor(Date.now() / 1000), jti: randomUUID(), ...claims };
  const text = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(body)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: pki.tokenKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** Tokens whose signature was found good, kept since that takes longer than all the rest of a small request. */
const KEPT = 1000;

/** Reads tokens that one cluster signed. */
export class TokenReader {
  readonly #pki: Pki;
  readonly #good = new Map<string, Claims>();

  constructor(pki: Pki) {
    this.#pki = pki;
  }

  /** The claims of a token that this cluster signed and that has not ended; undefined for any other text. */
  read(token: string, now = Date.now()): Claims | undefined {
    let claims = this.#good.get(token);
    if (!claims) {
      claims = verified(this.#pki, token);
      if (!claims) return undefined;
      // The oldest goes: one that is in use comes back at the price of one signature.
      if (this.#good.size >= KEPT) this.#good.delete(this.#good.keys().next().value!);
      this.#good.set(token, claims);
    }
    return claims.exp !== undefined && claims.exp * 1000 <= now ? undefined : claims;
  }
}

function verified(pki: Pki, token: string): Claims | undefined {
  const [head, body, signature, ...rest] = token.split('.');
  if (!head || !body || !signature || rest.length) return undefined;
  try {
    if ((JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg?: string }).alg !== 'ES256') return undefined;
    const key = { key: pki.tokenPublicKey, dsaEncoding: 'ieee-p1363' } as const;
    if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) return undefined;
    return JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
  } catch {
    return undefined;
  }
}

export function userOf(claims: Claims): User {
  const account = claims['kubernetes.io'];
  if (!account) return { name: claims.sub, groups: [...(claims.groups ?? []), 'system:authenticated'] };
  return {
    name: claims.sub,
    uid: account.serviceaccount.uid,
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`],
      ...(account.pod
        ? {
            'authentication.kubernetes.io/pod-name': [account.pod.name],
            'authentication.kubernetes.io/pod-uid': [account.pod.uid],
          }
        : {}),
    },
    groups: ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`, 'system:authenticated'],
  };
}
