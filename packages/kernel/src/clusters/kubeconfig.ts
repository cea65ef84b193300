/** Reads how to reach a cluster: kubeconfigs and the service account of a pod. Secrets stay in the returned functions. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ClusterAccess } from '../contracts/services.ts';
import { accessError } from '../bus/errors.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const EXEC_TIMEOUT_MS = 30_000;

/** A server and who we are to it. */
export interface Endpoint {
  /** Base URL, without a slash at the end. */
  readonly server: string;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly rejectUnauthorized: boolean;
  };
  /** The Authorization header; asked for each request, at `now` (ms since 1970), since tokens are renewed. `fresh` after a 401. */
  authorization?(fresh: boolean, now: number): Promise<string | undefined>;
}

const Named = <T extends z.ZodType>(key: string, value: T) => z.array(z.looseObject({ name: z.string(), [key]: value }));
const ClusterEntry = z.looseObject({
  server: z.url({ protocol: /^https?$/, error: 'expected the URL of an API server, https://HOST:PORT' }),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.string().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
});
const Exec = z.looseObject({
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  apiVersion: z.string(),
});
const UserEntry = z.looseObject({
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.string().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.string().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  exec: Exec.nullish(),
  'auth-provider': z.unknown().optional(),
});
const Kubeconfig = z.looseObject({
  'current-context': z.string().optional(),
  clusters: Named('cluster', ClusterEntry),
  contexts: Named('context', z.looseObject({ cluster: z.string(), user: z.string().nullish() })),
  users: Named('user', UserEntry.nullish()).nullish(),
});
type User = z.infer<typeof UserEntry>;

/** Throws a KosmosError that says what is wrong with the access, before anything is sent. */
export function readAccess(cluster: string, access: ClusterAccess): Endpoint {
  if ('inCluster' in access) return inCluster(cluster);
  if ('kubeconfig' in access)
    return readKubeconfig(access.kubeconfig, access.context, `the kubeconfig of cluster '${cluster}'`, process.cwd());
  const { kubeconfigFile: file } = access;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (cause as Error).message;
    throw accessError(
      `the kubeconfig of cluster '${cluster}' cannot be read: ${why}`,
      file,
      `Correct clusters.${cluster}.kubeconfigFile in the config, or write the file.`,
      cause,
    );
  }
  return readKubeconfig(text, access.context, file, dirname(file));
}

function readKubeconfig(text: string, wanted: string | undefined, where: string, folder: string): Endpoint {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (cause) {
    throw accessError(
      `not a kubeconfig: ${(cause as Error).message.split('\n')[0]}`,
      where,
      'Write a valid kubeconfig, as kubectl reads it.',
      cause,
    );
  }
  const checked = Kubeconfig.safeParse(raw);
  if (!checked.success) {
    const problems = checked.error.issues.map((i) => `${i.path.join('.') || 'the file'}: ${i.message}`).join('; ');
    throw accessError(`not a kubeconfig: ${problems}`, where, 'Write a valid kubeconfig, as kubectl reads it.');
  }
  const config = checked.data;
  const contextName = wanted ?? config['current-context'] ?? '';
  const pick = (kind: 'contexts' | 'clusters' | 'users', name: string): Record<string, unknown> => {
    const found = (config[kind] ?? []).find((entry) => entry.name === name);
    if (found) return found as Record<string, unknown>;
    const names = (config[kind] ?? []).map((entry) => entry.name).join(', ') || 'none';
    const what = kind.slice(0, -1);
    throw accessError(
      name ? `there is no ${what} '${name}'; there are: ${names}` : `no current-context is set; contexts: ${names}`,
      where,
      `Name a ${what} that is there.`,
    );
  };
  const context = pick('contexts', contextName).context as { cluster: string; user?: string | null };
  const server = pick('clusters', context.cluster).cluster as z.infer<typeof ClusterEntry>;
  const user = ((context.user && pick('users', context.user).user) ?? {}) as User;
  const content = (inline: string | undefined, file: string | undefined): string | undefined => {
    if (inline !== undefined) return Buffer.from(inline, 'base64').toString();
    if (file === undefined) return undefined;
    const path = isAbsolute(file) ? file : join(folder, file);
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      throw accessError(
        `it names the file ${path}, which cannot be read: ${(cause as Error).message}`,
        where,
        'Correct the path, or write the file.',
        cause,
      );
    }
  };
  const ca = content(server['certificate-authority-data'], server['certificate-authority']);
  const cert = content(user['client-certificate-data'], user['client-certificate']);
  const key = content(user['client-key-data'], user['client-key']);
  const authorization = authorizationOf(user, where, folder);
  return {
    server: server.server.replace(/\/+$/, ''),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(server['tls-server-name'] === undefined ? {} : { servername: server['tls-server-name'] }),
      rejectUnauthorized: server['insecure-skip-tls-verify'] !== true,
    },
    ...(authorization ? { authorization } : {}),
  };
}

function authorizationOf(user: User, where: string, folder: string): Endpoint['authorization'] {
  const { token, tokenFile, exec } = user;
  if (exec) return execAuthorization(exec, where);
  if (tokenFile !== undefined) return fileAuthorization(isAbsolute(tokenFile) ? tokenFile : join(folder, tokenFile));
  if (token !== undefined) return async () => `Bearer ${token}`;
  if (user.username !== undefined) {
    const basic = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64');
    return async () => `Basic ${basic}`;
  }
  if (user['auth-provider'] !== undefined) return clientNodeAuthorization(user, where);
  return undefined;
}

/** Read again each time: the kubelet replaces the file when it renews the token. */
const fileAuthorization = (file: string) => async () => `Bearer ${readFileSync(file, 'utf8').trim()}`;

/** client.authentication.k8s.io: the plugin prints an ExecCredential, which is kept until it expires. */
function execAuthorization(exec: z.infer<typeof Exec>, where: string): NonNullable<Endpoint['authorization']> {
  let kept: { header: string; until: number } | undefined;
  return async (fresh, now) => {
    if (kept && !fresh && now < kept.until) return kept.header;
    const info = JSON.stringify({ kind: 'ExecCredential', apiVersion: exec.apiVersion, spec: { interactive: false } });
    const env = { ...process.env, KUBERNETES_EXEC_INFO: info, ...Object.fromEntries((exec.env ?? []).map((e) => [e.name, e.value])) };
    const printed = await new Promise<string>((resolve, reject) => {
      execFile(exec.command, exec.args ?? [], { env, timeout: EXEC_TIMEOUT_MS }, (error, stdout) => {
        if (error)
          reject(
            accessError(
              `the credential plugin '${exec.command}' failed: ${error.message.split('\n')[0]}`,
              where,
              'Run it by hand to see why.',
              error,
            ),
          );
        else resolve(stdout);
      });
    });
    const { status } = JSON.parse(printed) as { status?: { token?: string; expirationTimestamp?: string } };
    if (!status?.token)
      throw accessError(`the credential plugin '${exec.command}' gave no token`, where, 'Only plugins that give tokens are supported.');
    kept = {
      header: `Bearer ${status.token}`,
      until: status.expirationTimestamp ? Date.parse(status.expirationTimestamp) - 10_000 : Number.POSITIVE_INFINITY,
    };
    return kept.header;
  };
}

/** OIDC and other auth providers are client-node's: it costs 80 MB, so it is loaded where one is used. */
function clientNodeAuthorization(user: User, where: string): NonNullable<Endpoint['authorization']> {
  return async () => {
    // An optional peer, so it may have no types here: this is what is used of it.
    type Library = {
      KubeConfig: new () => { loadFromOptions(options: object): void; applyToHTTPSOptions(options: object): Promise<void> };
    };
    const name: string = '@kubernetes/client-node';
    let library: Library;
    try {
      library = (await import(name)) as Library;
    } catch (cause) {
      throw accessError(
        'it uses an auth-provider, which needs the package @kubernetes/client-node',
        where,
        'npm install @kubernetes/client-node',
        cause,
      );
    }
    const config = new library.KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'c', server: 'https://localhost' }],
      users: [{ name: 'u', authProvider: user['auth-provider'] }],
      contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
      currentContext: 'x',
    });
    const options: { headers?: Record<string, string> } = { headers: {} };
    await config.applyToHTTPSOptions(options);
    return options.headers?.Authorization;
  };
}

function inCluster(cluster: string): Endpoint {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (!host || !port) {
    throw accessError(
      'inCluster is set, but this process does not run in a pod (KUBERNETES_SERVICE_HOST is not set)',
      `clusters.${cluster}`,
      'Give a kubeconfigFile.',
    );
  }
  try {
    return {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      tls: { ca: readFileSync(`${SERVICE_ACCOUNT}/ca.crt`, 'utf8'), rejectUnauthorized: true },
      authorization: fileAuthorization(`${SERVICE_ACCOUNT}/token`),
    };
  } catch (cause) {
    throw accessError(
      `the pod's service account cannot be read: ${(cause as Error).message}`,
      `clusters.${cluster}`,
      'Let the pod mount its service account token.',
      cause,
    );
  }
}
