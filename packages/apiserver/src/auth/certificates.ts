import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type * as X509 from '@peculiar/x509';

export const YEAR = 365 * 24 * 3600 * 1000;
const CA = 'CN=kubernetes';
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A certificate and its private key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** The user's name, or a server's. */
  readonly commonName: string;
  /** The user's groups. */
  readonly organizations?: readonly string[];
  /** DNS names and addresses under which a server is reached. */
  readonly names?: readonly string[];
  readonly usage: 'server' | 'client';
  /** When it ends, milliseconds since 1970. */
  readonly until: number;
}

/** Only when it is needed, since the library takes a while to load; it wants the metadata polyfill to be there first. */
async function library(): Promise<typeof X509> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as never);
  return x509;
}

const newKeys = async (): Promise<webcrypto.CryptoKeyPair> =>
  (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
const serial = (): string => `01${randomBytes(15).toString('hex')}`;
const notBefore = (): Date => new Date(Date.now() - 3600 * 1000);
const pem = async (x509: typeof X509, key: webcrypto.CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key as never), 'PRIVATE KEY');

export async function makeCa(): Promise<Certificate> {
  const x509 = await library();
  const keys = await newKeys();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: CA,
    notBefore: notBefore(),
    notAfter: new Date(Date.now() + 10 * YEAR),
    signingAlgorithm: ALGORITHM,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
    ],
  });
  return { cert: `${cert.toString('pem')}\n`, key: await pem(x509, keys.privateKey) };
}

/** A certificate that the cluster's CA signs, with a new key. */
export async function certify(caKey: string, o: CertificateRequest): Promise<Certificate> {
  const x509 = await library();
  const signingKey = await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(caKey), ALGORITHM, false, ['sign']);
  const keys = await newKeys();
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ CN: [o.commonName] }, ...(o.organizations ?? []).map((name) => ({ O: [name] }))],
    issuer: CA,
    notBefore: notBefore(),
    notAfter: new Date(o.until),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey as never,
    signingKey: signingKey as never,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([o.usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth]),
      ...(o.names?.length
        ? [new x509.SubjectAlternativeNameExtension(o.names.map((n) => ({ type: isIP(n) ? ('ip' as const) : ('dns' as const), value: n })))]
        : []),
    ],
  });
  return { cert: `${cert.toString('pem')}\n`, key: await pem(x509, keys.privateKey) };
}
