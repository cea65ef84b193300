import { type Clock, type Clusters, KubeError } from '@kosmos/kernel';

/** Addresses for documentation (RFC 5737, RFC 3849), which no cluster gives to Services. */
const OUTSIDE = ['192.0.2.1', '2001:db8::1'] as const;
const IN_WORDS = /The range of valid IPs is ([0-9a-fA-F.:]+\/\d{1,3})/;
const KNOWN_FOR_MS = 600_000;
const ASK_AGAIN_MS = 60_000;
const ANSWER_MS = 5000;

/** What a probe found: CIDRs, or in words why not. */
export interface Probed {
  readonly cidrs: readonly string[];
  readonly why?: string;
}

/** The CIDR that an API server names when it refuses a Service's address; undefined: it names none. The rest of the message varies. */
export function rangeInMessage(message: string): string | undefined {
  return IN_WORDS.exec(message)?.[1];
}

/**
 * Asks an API server for its Service range by a Service with an impossible address, in a dry run: managed clusters of before
 * Kubernetes 1.33 say it nowhere else. Newer ones may refuse without a CIDR, and have ServiceCIDR objects.
 */
export function serviceProbe(clusters: Clusters, clock: Clock): (cluster: string, signal: AbortSignal) => Promise<Probed> {
  const known = new Map<string, { readonly until: number; readonly answer: Probed }>();
  clusters.on((name, change) => {
    if (change === 'left' || change === 'joined') known.delete(name);
  });
  return async (cluster, signal) => {
    const before = known.get(cluster);
    if (before && clock.now() < before.until) return before.answer;
    const answers = await Promise.all(OUTSIDE.map((address) => ask(clusters, cluster, address, signal)));
    const cidrs = answers.flatMap(({ cidr }) => cidr ?? []);
    const answer = cidrs.length > 0 ? { cidrs } : { cidrs, why: answers[0]!.why };
    known.set(cluster, { until: clock.now() + (cidrs.length > 0 ? KNOWN_FOR_MS : ASK_AGAIN_MS), answer });
    return answer;
  };
}

async function ask(clusters: Clusters, cluster: string, address: string, signal: AbortSignal): Promise<{ cidr?: string; why: string }> {
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kosmos-range-probe', namespace: 'default' },
    spec: { clusterIP: address, ipFamilies: [family], ports: [{ name: 'probe', port: 443 }] },
  };
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    await clusters.client(cluster).request('POST', '/api/v1/namespaces/default/services?dryRun=All', { body, signal: limited });
    return { why: `the API server takes the address ${address} for a Service` };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KubeError)) return { why: `the API server was asked and did not answer (${(error as Error).message})` };
    const cidr = error.status === 422 ? rangeInMessage(error.message) : undefined;
    return {
      ...(cidr !== undefined && { cidr }),
      why: `the API server was asked and answers without it (${error.status} ${error.reason})`,
    };
  }
}
