import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { addressBytes } from '../objects/service-range.ts';
import * as der from './der.ts';

export const YEAR = 365 * 24 * 3600 * 1000;
const CA = 'kubernetes';
const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';
const ECDSA_WITH_SHA256 = der.sequence(der.oid('1.2.840.10045.4.3.2'));
/** Key usages of RFC 5280, each a bit from the left. */
const DIGITAL_SIGNATURE = 0x80;
const SIGN_CERTIFICATES_AND_CRLS = 0x06;

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

const nameOf = (...attributes: [type: string, value: string][]): Buffer =>
  der.sequence(...attributes.map(([type, value]) => der.set(der.sequence(der.oid(type), der.text(value)))));

/** A v3 extension; `id` is below id-ce, 2.5.29. */
const extension = (id: number, critical: boolean, value: Buffer): Buffer =>
  der.sequence(der.oid(`2.5.29.${id}`), ...(critical ? [der.TRUE] : []), der.octets(value));
const basicConstraints = (ca: boolean): Buffer => extension(19, true, der.sequence(...(ca ? [der.TRUE] : [])));
const keyUsage = (usages: number): Buffer => extension(15, true, der.bits(Buffer.from([usages]), Math.clz32(usages & -usages) ^ 31));
const extendedKeyUsage = (usage: 'server' | 'client'): Buffer =>
  extension(37, false, der.sequence(der.oid(`1.3.6.1.5.5.7.3.${usage === 'server' ? 1 : 2}`)));
const subjectKeyIdentifier = (key: KeyObject): Buffer => extension(14, false, der.octets(keyIdentifier(key)));
const authorityKeyIdentifier = (key: KeyObject): Buffer => extension(35, false, der.sequence(der.implicit(0, keyIdentifier(key))));
const alternativeNames = (names: readonly string[]): Buffer =>
  extension(17, false, der.sequence(...names.map((n) => (isIP(n) ? der.implicit(7, addressBytes(n)) : der.implicit(2, Buffer.from(n))))));

/** RFC 5280, 4.2.1.2: the hash of the public key's bits, which are the last 65 bytes of a P-256 key. */
const keyIdentifier = (key: KeyObject): Buffer =>
  createHash('sha1')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-65))
    .digest();

const pem = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}(?!$)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

/** An X.509 v3 certificate (RFC 5280) of the cluster's CA for `key`, with the key. */
function issue(caKey: KeyObject, key: KeyObject, subject: Buffer, until: number, extensions: Buffer[]): Certificate {
  const certificate = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    nameOf([COMMON_NAME, CA]),
    // An hour ago: clocks differ.
    der.sequence(der.time(Date.now() - 3600 * 1000), der.time(until)),
    subject,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensions)),
  );
  return {
    cert: pem(der.sequence(certificate, ECDSA_WITH_SHA256, der.bits(sign('sha256', certificate, caKey)))),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** A new CA, ten years long. */
export function makeCa(): Certificate {
  const key = newKey();
  return issue(key, key, nameOf([COMMON_NAME, CA]), Date.now() + 10 * YEAR, [
    basicConstraints(true),
    keyUsage(DIGITAL_SIGNATURE | SIGN_CERTIFICATES_AND_CRLS),
    subjectKeyIdentifier(key),
  ]);
}

/** A certificate that the cluster's CA signs, with a new key; `caKey` is PEM. */
export function certify(caKey: string, { commonName, organizations = [], names = [], usage, until }: CertificateRequest): Certificate {
  const signer = createPrivateKey(caKey);
  const subject = nameOf([COMMON_NAME, commonName], ...organizations.map((o) => [ORGANIZATION, o] as [string, string]));
  return issue(signer, newKey(), subject, until, [
    basicConstraints(false),
    keyUsage(DIGITAL_SIGNATURE),
    extendedKeyUsage(usage),
    authorityKeyIdentifier(signer),
    ...(names.length ? [alternativeNames(names)] : []),
  ]);
}
