import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import { join, resolve } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { certify, YEAR, type Certificate, type CertificateRequest } from './auth/certificates.ts';
import { kubeconfigText } from './auth/kubeconfig.ts';
import { loadPki, type Pki } from './auth/pki.ts';
import { ANONYMOUS, ISSUER, makeToken, TokenReader, userOf, type User } from './auth/tokens.ts';
import { Faults } from './faults.ts';
import { chosen, DEFAULT_CONTROLLERS, startControllers } from './controllers/index.ts';
import type { Clock } from './controllers/clock.ts';
import { Handler } from './http/handler.ts';
import type { Incoming, Outgoing } from './http/request.ts';
import { KUBELET_CLIENT } from './streams/kubelet-client.ts';
import type { KubeletCredentials } from './streams/relay.ts';
import type { MetricsSource } from './metrics/kinds.ts';
import type { JsonObject } from './schema/schema.ts';
import { Registry } from './kinds/registry.ts';
import { Addresses } from './objects/addresses.ts';
import { seed } from './objects/seed.ts';
import { CustomKinds } from './objects/custom.ts';
import { admit } from './objects/admission.ts';
import { toObject } from './objects/codec.ts';
import { Objects } from './objects/objects.ts';
import { Journal } from './storage/journal.ts';
import { Store } from './storage/store.ts';

export interface ApiServerOptions {
  /** The cluster's name in the kubeconfig; `kosmos` by default. */
  name?: string;
  /** Address to listen on; 127.0.0.1 by default. */
  host?: string;
  /** Port to listen on; 0, the default, takes any. */
  port?: number;
  /** A bound handle, as it comes over IPC, that is served too; `attach` does the same later. */
  listener?: net.Server | object;
  /** Further addresses (IPs, DNS names, or either with a port) under which clients reach it: names in its certificate. */
  advertise?: string[];
  /** Where CA, keys and objects are kept; memory only without it. */
  dataDir?: string;
  /** Range for ClusterIPs; 10.96.0.0/12 by default. */
  serviceCIDRs?: string[];
  /** Serves metrics.k8s.io, for `kubectl top`: what the nodes' kubelets measure when somebody asks; of this cluster, or of another one. */
  metrics?: boolean | MetricsSource;
  /**
   * Controllers that run, as kube-controller-manager's flag names them: `*` is all, `-NAME` all but that one.
   * By default only the one that empties deleted namespaces.
   */
  controllers?: readonly string[];
  /** The controllers' time; the machine's by default. */
  clock?: Clock;
  /** Stops the server. */
  signal?: AbortSignal;
  /** Gets what should not have happened inside the server; the standard error by default. */
  report?: (error: unknown) => void;
}

export interface ApiServer {
  /** `https://host:port` */
  readonly url: string;
  readonly port: number;
  /** The CA certificate, PEM. */
  readonly ca: string;
  /** An administrator's kubeconfig as text; `server` is put in the place of `url`. */
  kubeconfig(options?: { server?: string }): string;
  /** A bearer token for a user; members of `system:masters` may do everything, others what RBAC lets them. */
  issueToken(user: string, groups: string[]): string;
  /**
   * A certificate of the cluster's CA, a year long: as a client its common name is a user and its organizations are groups; as
   * a server it has `names` (DNS names and addresses).
   */
  issueCertificate(request: Omit<CertificateRequest, 'until'>): Promise<Certificate>;
  /** Serves a bound handle too. */
  attach(handle: net.Server | object): Promise<void>;
  readonly faults: Faults;
  /** Ends watches and connections, finishes writes, closes the store. Twice is as once. */
  stop(): Promise<void>;
}

/** A failure to start, for people: what, and what to do. */
export class ApiServerError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'ApiServerError';
    this.code = code;
  }
}

/** How long a connection that nobody uses is kept, in milliseconds; clients that reuse one later find it closed. As long as kube-apiserver's. */
const IDLE = 90_000;

const withoutPort = (address: string): string => {
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(address);
  if (bracketed) return bracketed[1]!;
  return net.isIPv6(address) ? address : address.replace(/:\d+$/, '');
};

/**
 * Starts a Kubernetes API server in this process; it serves when the promise resolves.
 * @throws ApiServerError when the port is in use, the data directory is, or an option is wrong
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { name = 'kosmos', host = '127.0.0.1', port = 0, dataDir, signal, serviceCIDRs = ['10.96.0.0/12'] } = options;
  const report =
    options.report ??
    ((error: unknown): void => {
      console.error('kosmos-apiserver:', error);
    });
  signal?.throwIfAborted();
  let controllers: string[];
  try {
    controllers = chosen(options.controllers ?? DEFAULT_CONTROLLERS);
  } catch (error) {
    throw new ApiServerError('CONTROLLERS', (error as Error).message);
  }

  let store: Store;
  if (dataDir) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    try {
      store = new Store({ journal: new Journal(join(dataDir, 'objects.db')) });
    } catch (error) {
      throw new ApiServerError(
        'DATA_DIR',
        `the data directory ${dataDir} cannot be opened: ${(error as Error).message}. Is another server using it?`,
      );
    }
  } else {
    store = new Store();
  }
  const undo: (() => void | Promise<void>)[] = [() => store.close()];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      signal?.removeEventListener('abort', abort);
      for (const step of undo.reverse()) await step();
    })());
  const abort = (): void => {
    void stop();
  };

  try {
    let addresses: Addresses;
    try {
      addresses = new Addresses(store, serviceCIDRs);
    } catch (error) {
      throw new ApiServerError('SERVICE_CIDR', (error as Error).message);
    }
    undo.push(() => addresses.stop());
    const registry = new Registry();
    let kubelets: KubeletCredentials | undefined;
    const kubeletAccess = (): KubeletCredentials => (kubelets ??= kubeletCredentials(pki));
    if (options.metrics) {
      const source = options.metrics === true ? metricsSource(store, registry, kubeletAccess) : options.metrics;
      const { metricsKinds } = await import('./metrics/kinds.ts');
      for (const kind of metricsKinds(source)) registry.add(kind);
    }
    const objects = new Objects(store, {
      ipFamilies: addresses.families,
      clusterIP: (family, wanted, dryRun) => addresses.clusterIP(family, wanted, dryRun),
      nodePort: (wanted, dryRun) => addresses.nodePort(wanted, dryRun),
      admit: (resource, namespace, creating, n) => admit(store, registry, resource, namespace, creating, n),
    });

    // Watches end with the server, and those of a custom kind with its definition.
    const ended = new AbortController();
    const perKind = new Map<string, AbortController>();
    const gone = (crd: string): void => {
      perKind.get(crd)?.abort();
      perKind.delete(crd);
    };
    const custom = new CustomKinds({ store, registry, objects, report, gone });
    undo.push(() => custom.stop());
    await seed(registry, objects, store, { clusterIP: addresses.first, cidrs: addresses.cidrs });

    const names = [
      ...new Set([
        'localhost',
        '127.0.0.1',
        '::1',
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
        addresses.first,
        ...(['0.0.0.0', '::'].includes(host) ? [] : [host]),
        ...(options.advertise ?? []).map(withoutPort),
      ]),
    ];
    const pki = loadPki(names, dataDir);

    const sockets = new Set<net.Socket>();
    const faults = new Faults(() => {
      for (const socket of sockets) socket.destroy();
    });
    const tokens = new TokenReader(pki);
    const userOfToken = (token: string, wanted: readonly string[] = [ISSUER]): { user: User; audiences: string[] } | undefined => {
      const claims = tokens.read(token);
      const audiences = claims?.aud.filter((a) => wanted.includes(a)) ?? [];
      if (!claims || !audiences.length) return undefined;
      const account = claims['kubernetes.io'];
      if (account) {
        // A token ends with its account, and with what it is bound to.
        const is = (resource: string, ref: { name: string; uid: string } | undefined): boolean =>
          !ref || store.get(resource, `${account.namespace}/${ref.name}`)?.uid === ref.uid;
        if (!is('serviceaccounts', account.serviceaccount) || !is('pods', account.pod) || !is('secrets', account.secret)) return undefined;
      }
      return { user: userOf(claims), audiences };
    };
    const server = secureServer();
    undo.push(() => close(server, sockets, ended));

    function secureServer(): Http2SecureServer {
      let address = '';
      const handler = new Handler({
        store,
        registry,
        objects,
        budgets: registry.find('policy', 'v1', 'poddisruptionbudgets')!,
        faults,
        authenticate: (req) => authenticate(req, (token) => userOfToken(token)?.user),
        userOfToken,
        node: (n) => {
          const nodes = registry.find('', 'v1', 'nodes')!;
          return toObject(nodes, objects.get(nodes, '', n));
        },
        kubeletCredentials: kubeletAccess,
        serviceAccountToken: (namespace, account, seconds, aud, bound) =>
          makeToken(pki, {
            sub: `system:serviceaccount:${namespace}:${account.name}`,
            aud,
            exp: Math.floor(Date.now() / 1000) + seconds,
            'kubernetes.io': {
              namespace,
              serviceaccount: { name: account.name, uid: account.uid },
              ...(bound ? { [String(bound['kind']).toLowerCase()]: { name: bound['name'], uid: bound['uid'] } } : {}),
            },
          }),
        address: () => address,
        tokenKey: pki.tokenPublicKey,
        watchSignal: (r) => signalOf(r),
        ready: () => stopping === undefined,
        report,
      });
      const signalOf = (r: { custom?: { crd: string } }): AbortSignal => {
        if (!r.custom) return ended.signal;
        let controller = perKind.get(r.custom.crd);
        if (!controller) {
          perKind.set(r.custom.crd, (controller = new AbortController()));
          ended.signal.addEventListener('abort', () => controller!.abort());
        }
        return controller.signal;
      };
      const made = createSecureServer(
        {
          allowHTTP1: true,
          cert: pki.serverCert,
          key: pki.serverKey,
          ca: pki.ca,
          requestCert: true,
          rejectUnauthorized: false,
          settings: { maxConcurrentStreams: 1000 },
        },
        (req, res) => {
          void handler.handle(req as unknown as Incoming, res as unknown as Outgoing);
        },
      );
      // Of HTTP/1 connections; Node's types do not say that this server has it.
      Object.assign(made, { keepAliveTimeout: IDLE });
      made.on('upgrade', (req: Incoming, socket: net.Socket, head: Buffer) => {
        // Refusals are plain answers, so the connection is lent to one until the upgrade is accepted.
        // Not imported: whoever does gets all that node:http has, with the fetch of undici, at every start.
        const { ServerResponse } = process.getBuiltinModule('node:http');
        const res = new ServerResponse(req);
        res.shouldKeepAlive = false;
        res.assignSocket(socket);
        res.once('finish', () => socket.end());
        socket.on('error', () => socket.destroy());
        void handler.handle(req, res, { socket, head, accept: () => res.detachSocket(socket) });
      });
      made.on('listening', () => {
        address = `${host}:${(made.address() as net.AddressInfo).port}`;
      });
      return made;
    }

    // The raw connection, so that faults reach it before any byte is read.
    server.prependListener('connection', (socket: net.Socket) => {
      if (faults.refuseConnections) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.on('session', (session) => session.on('error', () => session.destroy()));
    server.on('sessionError', () => {});

    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          error.code === 'EADDRINUSE'
            ? new ApiServerError('PORT_IN_USE', `port ${port} of ${host} is in use: choose another port, or 0 for any free one`)
            : new ApiServerError('LISTEN', `cannot listen on ${host}:${port}: ${error.message}`),
        ),
      );
      server.listen(port, host, resolve);
    });
    server.on('error', report);

    const attached = new Set<net.Server>();
    undo.push(() => {
      for (const s of attached) s.close();
    });
    const attach = async (handle: net.Server | object): Promise<void> => {
      let listener: net.Server;
      if (handle instanceof net.Server) {
        listener = handle;
      } else {
        listener = net.createServer();
        await new Promise<void>((resolve, reject) => {
          listener.once('error', reject).listen(handle, resolve);
        });
      }
      listener.on('connection', (socket) => server.emit('connection', socket));
      attached.add(listener);
    };
    if (options.listener) await attach(options.listener);
    const volumesDir = dataDir && resolve(dataDir, 'volumes');
    undo.push(await startControllers({ store, registry, objects, controllers, ca: pki.ca, clock: options.clock, volumesDir, report }));

    const bound = (server.address() as net.AddressInfo).port;
    const url = `https://${net.isIPv6(host) ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host}:${bound}`;
    if (signal?.aborted) throw signal.reason;
    signal?.addEventListener('abort', abort);
    return {
      url,
      port: bound,
      ca: pki.ca,
      faults,
      attach,
      stop,
      kubeconfig: ({ server: at = url } = {}) =>
        kubeconfigText({ name, server: at, ca: pki.ca, token: issue(pki, 'kubernetes-admin', ['system:masters']) }),
      issueToken: (user, groups) => issue(pki, user, groups),
      issueCertificate: async (request) => certify(pki.caKey, { until: Date.now() + YEAR, ...request }),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The certificate that nodes know this server by. */
function kubeletCredentials(pki: Pki): KubeletCredentials {
  const until = Date.now() + YEAR;
  return { ca: pki.ca, ...certify(pki.caKey, { commonName: KUBELET_CLIENT, usage: 'client', until }) };
}

function metricsSource(store: Store, registry: Registry, credentials: () => KubeletCredentials): MetricsSource {
  const all = (plural: string, namespace = ''): JsonObject[] => {
    const resource = registry.find('', 'v1', plural)!;
    return store.list(plural, namespace).map((entry) => toObject(resource, entry));
  };
  return {
    nodes: () => all('nodes'),
    pods: (namespace) => all('pods', namespace),
    summary: async (node) => {
      const { askSummary } = await import('./metrics/summary.ts');
      return askSummary(node, credentials());
    },
  };
}

const issue = (pki: Pki, user: string, groups: string[]): string => makeToken(pki, { sub: user, groups });

/** Who asks: by bearer token, by client certificate, or nobody known. */
function authenticate(req: Incoming, userOfToken: (token: string) => User | undefined): User | undefined {
  // Credentials of another kind are none.
  const token = /^Bearer\s+(\S+)/i.exec(req.headers.authorization ?? '')?.[1];
  if (token) return userOfToken(token);
  const socket = req.socket as TLSSocket;
  if (socket.authorized) {
    const { subject } = socket.getPeerCertificate();
    const groups = subject?.O === undefined ? [] : Array.isArray(subject.O) ? subject.O : [subject.O];
    if (subject?.CN) return { name: String(subject.CN), groups: [...groups, 'system:authenticated'] };
  }
  return ANONYMOUS;
}

/** Ends watches in good order, then whatever connections are left. */
async function close(server: Http2SecureServer, sockets: Set<net.Socket>, ended: AbortController): Promise<void> {
  ended.abort();
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const deadline = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, 250);
  // Idle keep-alive connections would hold the close; those that still send end within the deadline.
  await closed;
  clearTimeout(deadline);
}
