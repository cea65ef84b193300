import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certify, makeCa, YEAR } from './certificates.ts';

/** The keys of one cluster, as PEM. */
export interface Pki {
  ca: string;
  caKey: string;
  serverCert: string;
  serverKey: string;
  /** Signs bearer tokens. */
  tokenKey: KeyObject;
  tokenPublicKey: KeyObject;
}

const FILES = {
  ca: 'ca.crt',
  caKey: 'ca.key',
  serverCert: 'server.crt',
  serverKey: 'server.key',
  names: 'server.names',
  tokenKey: 'sa.key',
} as const;

/**
 * The CA, the server's certificate for `names` (DNS names and addresses) and the token key; kept in `dir` where one is given.
 * The CA stays as it was made; the server's certificate is made again when a name is missing or it ends within 30 days.
 */
export function loadPki(names: string[], dir?: string): Pki {
  const read = (file: string): string | undefined =>
    dir && existsSync(join(dir, file)) ? readFileSync(join(dir, file), 'utf8') : undefined;
  const keep = (file: string, text: string): void => {
    if (!dir) return;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // Renamed into place, so that a crash leaves the old file or the new one.
    writeFileSync(join(dir, `${file}.new`), text, { mode: 0o600 });
    renameSync(join(dir, `${file}.new`), join(dir, file));
  };
  let ca = read(FILES.ca);
  let caKey = read(FILES.caKey);
  let serverCert = read(FILES.serverCert);
  let serverKey = read(FILES.serverKey);
  const certified = JSON.parse(read(FILES.names) ?? '{"names":[],"until":0}') as { names: string[]; until: number };
  const fresh =
    !ca ||
    !caKey ||
    !serverCert ||
    !serverKey ||
    certified.until < Date.now() + 30 * 24 * 3600 * 1000 ||
    names.some((n) => !certified.names.includes(n));
  if (fresh) {
    if (!ca || !caKey) {
      const made = makeCa();
      ca = made.cert;
      caKey = made.key;
      keep(FILES.caKey, caKey);
      keep(FILES.ca, ca);
    }
    const all = [...new Set([...certified.names, ...names])];
    const until = Date.now() + 5 * YEAR;
    const made = certify(caKey, { commonName: 'kube-apiserver', names: all, usage: 'server', until });
    serverCert = made.cert;
    serverKey = made.key;
    keep(FILES.serverKey, serverKey);
    keep(FILES.serverCert, serverCert);
    keep(FILES.names, JSON.stringify({ names: all, until }));
  }
  let token = read(FILES.tokenKey);
  if (!token) {
    token = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    keep(FILES.tokenKey, token);
  }
  const tokenKey = createPrivateKey(token);
  return { ca: ca!, caKey: caKey!, serverCert: serverCert!, serverKey: serverKey!, tokenKey, tokenPublicKey: createPublicKey(tokenKey) };
}
