/** The DNS server of one cluster: `main CONFIG`, run in the network namespace of its control plane. */
import { writeFileSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectCluster } from '../connect.ts';
import { messageOf } from '../errors.ts';
import { lineLogger } from '../log.ts';
import { tellReady } from '../ready.ts';
import { EndpointSlices, Services } from '../services.ts';
import { withKubeconfig } from './binary.ts';
import { Dns } from './dns.ts';
import { CONFIG_MAP, ConfigMaps, COREFILE_KEY, dnsAddresses, NAMESPACE, Namespaces, writeDnsObjects, type ConfigMap } from './objects.ts';
import { informerView, serviceIndexes, sliceIndexes } from './view.ts';

/** What the supervisor tells it, as one JSON argument. */
export interface DnsConfig {
  readonly kubeconfig: string;
  readonly addresses: readonly string[];
  readonly serviceCIDRs: readonly string[];
  /** A directory for the Corefile of a binary. */
  readonly dir: string;
}

const RETRY_MS = 500;

const config = JSON.parse(process.argv[2] as string) as DnsConfig;
const log = lineLogger();
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));

const { client, informer, start } = connectCluster(config.kubeconfig, 'lab-dns', log);
const corefiles = informer(ConfigMaps, { namespace: NAMESPACE, fields: `metadata.name=${CONFIG_MAP}` });
const serve = process.env.COREDNS ? runBinary(process.env.COREDNS) : serveHere();
await start(stop.signal);
for (;;) {
  try {
    await writeDnsObjects(client, { ...config, signal: stop.signal });
    break;
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'objects of the cluster DNS not written, will be tried again');
    await sleep(RETRY_MS);
  }
}
// One after the other, the last one last.
let last: Promise<void> = Promise.resolve();
const follow = (map: ConfigMap) => {
  const text = map.data?.[COREFILE_KEY];
  if (text === undefined) return log.warn({}, `ConfigMap ${NAMESPACE}/${CONFIG_MAP} has no ${COREFILE_KEY}; what was served before stays`);
  last = last
    .then(() => serve(text))
    .then(
      () => tellReady(),
      (error: unknown) => log.error({ error: messageOf(error) }, 'the Corefile cannot be served; the one before it stays'),
    );
};
corefiles.on({ add: follow, update: follow });

function serveHere(): (corefile: string) => Promise<void> {
  const services = informer(Services, { indexes: serviceIndexes });
  const slices = informer(EndpointSlices, { indexes: sliceIndexes });
  const namespaces = informer(Namespaces);
  const view = informerView({ services, slices, namespaces, self: dnsAddresses(config.serviceCIDRs) });
  const dns = new Dns({ addresses: config.addresses, view, log });
  return (corefile) => dns.serve(corefile);
}

/** CoreDNS itself, which reads its Corefile again on SIGUSR1. */
function runBinary(binary: string): (corefile: string) => Promise<void> {
  const file = join(config.dir, 'Corefile');
  let child: ChildProcess | undefined;
  return async (corefile) => {
    writeFileSync(file, withKubeconfig(corefile, config.kubeconfig));
    if (child) return void child.kill('SIGUSR1');
    child = spawn(binary, ['-conf', file], { stdio: 'inherit' });
    child.once('exit', (code) => process.exit(code ?? 1)); // it is started again with this process
    await new Promise<void>((resolve, reject) => child?.once('spawn', resolve).once('error', reject));
  };
}
