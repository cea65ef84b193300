import { createHash, type KeyObject } from 'node:crypto';
import { ISSUER } from '../auth/tokens.ts';

/** How whoever gets a service account's token can check it (OpenID Connect Discovery 1.0); `address` is this server's. */
export const openIdConfiguration = (address: string): Record<string, unknown> => ({
  issuer: ISSUER,
  jwks_uri: `https://${address}/openid/v1/jwks`,
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
});

/** The public key of tokens as a key set (RFC 7517), named by its hash as Kubernetes names it. */
export function keySet(key: KeyObject): Record<string, unknown> {
  const { kty, crv, x, y } = key.export({ format: 'jwk' });
  const kid = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { keys: [{ use: 'sig', kty, kid, crv, alg: 'ES256', x, y }] };
}
