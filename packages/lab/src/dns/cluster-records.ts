import type { ResourceRecord } from '@kosmos/dns-wire';
import { familyOf, toNumber } from '../cidr.ts';
import { isHeadless, type Endpoint, type EndpointSlice, type Service } from '../services.ts';
import { canonicalZone, within } from './corefile.ts';
import type { Query, Reply } from './handler.ts';

/** What is known of a cluster. */
export interface ClusterView {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, name: string): Iterable<EndpointSlice>;
  hasNamespace(name: string): boolean;
  /** Services with this cluster address, and slices with this endpoint. */
  servicesAt(ip: string): Iterable<Service>;
  slicesAt(ip: string): Iterable<EndpointSlice>;
  /** The addresses of the server itself. */
  readonly self: readonly string[];
}

export interface ZoneOptions {
  readonly zone: string;
  readonly ttl: number;
  /** Whether `10-1-1-2.<namespace>.pod.<zone>` has an address. */
  readonly pods: 'disabled' | 'insecure';
}

type Found = 'none' | readonly ResourceRecord[];
interface Target {
  readonly name: string;
  readonly ips: readonly string[];
  readonly port: number;
  readonly portName: string;
  readonly protocol: string;
}

/** Answers by the specification of DNS for services and pods. CNAMEs to other zones are left for the caller to follow. */
export function clusterReply(view: ClusterView, options: ZoneOptions, query: Query): Reply {
  const soa = soaOf(options);
  const found = lookUp(view, options, query);
  if (found === 'none') return { rcode: 'NXDOMAIN', authoritative: true, answers: [], authorities: [soa] };
  const own = found.filter((r) => r.name === query.question.name);
  const answers = own.filter((r) => r.type === query.type || r.type === 'CNAME' || query.type === 'ANY');
  if (answers.length === 0) return { rcode: 'NOERROR', authoritative: true, answers: [], authorities: [soa] };
  const targets = new Set(answers.flatMap((r) => (r.type === 'SRV' ? [r.data.target] : [])));
  const additionals = found.filter((r) => (r.type === 'A' || r.type === 'AAAA') && targets.has(r.name) && !answers.includes(r));
  return { rcode: 'NOERROR', authoritative: true, answers, additionals };
}

/** Every record that has to do with a name; 'none' when there is no such name, [] when it only has names below it. */
function lookUp(view: ClusterView, options: ZoneOptions, query: Query): Found {
  const { zone, ttl } = options;
  const own = { ttl, class: 'IN' } as const;
  const name = query.question.name;
  if (query.name === zone) {
    const ns: ResourceRecord = { ...own, name, type: 'NS', data: `ns.dns.${zone}` };
    return [{ ...soaOf(options), name }, ns];
  }
  const labels = query.name.slice(0, -zone.length - 1).split('.');
  if (query.name === `dns-version.${zone}`) return [{ ...own, name, type: 'TXT', data: ['1.1.0'] }];
  if (query.name === `ns.dns.${zone}`) return view.self.map((ip) => address(name, ip, ttl));
  const kind = labels.pop();
  if (kind === 'dns' && labels.length === 0) return [];
  if (kind !== 'svc' && kind !== 'pod') return 'none';
  const namespace = labels.pop();
  if (namespace === undefined) return [];
  if (kind === 'pod' && options.pods === 'disabled') return 'none';
  if (!view.hasNamespace(namespace)) return 'none';
  if (labels.length === 0) return [];
  return kind === 'pod' ? podRecords(name, labels, ttl) : serviceRecords(view, options, { name, namespace, labels });
}

function podRecords(name: string, labels: readonly string[], ttl: number): Found {
  const ip = labels.length === 1 ? undashed(labels[0] as string) : undefined;
  return ip === undefined ? 'none' : [address(name, ip, ttl)];
}

function serviceRecords(view: ClusterView, options: ZoneOptions, at: { name: string; namespace: string; labels: string[] }): Found {
  const { zone, ttl } = options;
  const service = view.service(at.namespace, at.labels.pop() as string);
  if (!service?.spec) return 'none';
  const own = { ttl, class: 'IN' } as const;
  const serviceName = `${service.metadata.name}.${at.namespace}.svc.${zone}`;
  if (service.spec.type === 'ExternalName') {
    if (at.labels.length > 0) return 'none';
    return [{ ...own, name: at.name, type: 'CNAME', data: canonicalZone(service.spec.externalName ?? '') }];
  }
  const [first = '', second = ''] = at.labels;
  const byPort = at.labels.length === 2 && first.startsWith('_') && second.startsWith('_');
  if (at.labels.length > 1 && !byPort) return 'none';
  const hostname = byPort ? '' : first;
  const slices = [...view.slices(at.namespace, service.metadata.name)];
  const all = isHeadless(service) || hostname !== '' ? endpointTargets(slices, serviceName) : addressTargets(service, serviceName);
  const targets = all.filter((t) => {
    if (hostname !== '') return t.name === `${hostname}.${serviceName}`;
    return !byPort || (`_${t.portName}` === first && `_${t.protocol.toLowerCase()}` === second);
  });
  if (targets.length === 0) return 'none';
  const srv = targets
    .filter((t) => t.port > 0)
    .map((t): ResourceRecord => ({
      ...own,
      name: at.name,
      type: 'SRV',
      data: { priority: 0, weight: weight(targets), port: t.port, target: t.name },
    }));
  const hosts = unique(targets.flatMap((t) => t.ips.map((ip) => address(t.name, ip, ttl))));
  // A name with a port has SRV records only; their targets' addresses come beside them.
  const plain = byPort ? [] : unique(targets.flatMap((t) => t.ips.map((ip) => address(at.name, ip, ttl))));
  return [...unique(srv), ...plain, ...hosts.filter((h) => !plain.some((p) => p.name === h.name && p.data === h.data))];
}

const weight = (targets: readonly unknown[]): number => Math.max(1, Math.floor(100 / targets.length));

function addressTargets(service: Service, name: string): Target[] {
  const ips = service.spec?.clusterIPs ?? (service.spec?.clusterIP ? [service.spec.clusterIP] : []);
  const of = (p?: { port: number; name?: string; protocol?: string }): Target => ({
    name,
    ips,
    port: p?.port ?? 0,
    portName: p?.name ?? '',
    protocol: p?.protocol ?? 'TCP',
  });
  return ips.length === 0 ? [] : (service.spec?.ports ?? []).map(of);
}

/** Each endpoint by its hostname, else by its address with dashes. */
function endpointTargets(slices: readonly EndpointSlice[], name: string): Target[] {
  return slices.flatMap((slice) =>
    readyOf(slice).flatMap((endpoint) =>
      (slice.ports && slice.ports.length > 0 ? slice.ports : [undefined]).map((p) => ({
        name: `${endpointLabel(endpoint)}.${name}`,
        ips: endpoint.addresses,
        port: p?.port ?? 0,
        portName: p?.name ?? '',
        protocol: p?.protocol ?? 'TCP',
      })),
    ),
  );
}

const readyOf = (slice: EndpointSlice): readonly Endpoint[] => (slice.endpoints ?? []).filter((e) => e.conditions?.ready !== false);

const endpointLabel = (endpoint: Endpoint): string =>
  endpoint.hostname?.toLowerCase() ?? (endpoint.addresses[0] ?? '').replaceAll(/[.:]/g, '-');

/** The names of an address, for a reverse zone; undefined when the query is for none. */
export function reverseReply(view: ClusterView, options: ZoneOptions, query: Query): Reply | undefined {
  const ip = addressOf(query.name);
  if (ip === undefined) return undefined;
  const names = [
    ...[...view.servicesAt(ip)].map((s) => `${s.metadata.name}.${s.metadata.namespace}.svc.${options.zone}`),
    ...[...view.slicesAt(ip)].flatMap((slice) => {
      const name = slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
      const service = view.service(slice.metadata.namespace ?? '', name);
      if (!service) return [];
      const endpoints = (slice.endpoints ?? []).filter(
        (e) => e.addresses.includes(ip) && (e.hostname !== undefined || isHeadless(service)),
      );
      return endpoints.map((e) => `${endpointLabel(e)}.${name}.${slice.metadata.namespace}.svc.${options.zone}`);
    }),
  ];
  if (names.length === 0) return undefined;
  const answers = [...new Set(names)].map((data): ResourceRecord => ({
    name: query.question.name,
    type: 'PTR',
    class: 'IN',
    ttl: options.ttl,
    data,
  }));
  return { rcode: 'NOERROR', authoritative: true, answers: query.type === 'PTR' || query.type === 'ANY' ? answers : [] };
}

/** The address whose reverse name this is. */
export function addressOf(name: string): string | undefined {
  if (within(name, 'in-addr.arpa')) {
    const parts = name.slice(0, -'.in-addr.arpa'.length).split('.');
    return parts.length === 4 && parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) < 256) ? parts.reverse().join('.') : undefined;
  }
  if (!within(name, 'ip6.arpa')) return undefined;
  const nibbles = name.slice(0, -'.ip6.arpa'.length).split('.');
  if (nibbles.length !== 32 || !nibbles.every((n) => /^[0-9a-f]$/.test(n))) return undefined;
  const hex = nibbles.reverse().join('');
  return canonicalAddress((hex.match(/.{4}/g) ?? []).join(':'));
}

/** `10-1-1-2`, `fd10--2` */
function undashed(label: string): string | undefined {
  if (/^\d{1,3}(-\d{1,3}){3}$/.test(label)) return label.split('-').every((p) => Number(p) < 256) ? label.replaceAll('-', '.') : undefined;
  return /^[0-9a-f-]+$/.test(label) ? canonicalAddress(label.replaceAll('-', ':')) : undefined;
}

const canonicalAddress = (text: string): string | undefined =>
  URL.canParse(`http://[${text}]`) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : undefined;

const address = (name: string, ip: string, ttl: number): ResourceRecord => ({
  name,
  class: 'IN',
  ttl,
  type: familyOf(ip) === 'IPv4' ? 'A' : 'AAAA',
  data: ip,
});

function unique(records: readonly ResourceRecord[]): ResourceRecord[] {
  return [...new Map(records.map((r) => [JSON.stringify(r), r])).values()];
}

const soaOf = ({ zone, ttl }: ZoneOptions) =>
  ({
    name: zone,
    type: 'SOA',
    class: 'IN',
    ttl,
    data: {
      mname: `ns.dns.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: Math.floor(Date.now() / 1000),
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    },
  }) as const;

/** By which an informer finds services and slices of an address, whatever way it is written. */
export const addressKey = (ip: string): string => toNumber(ip).toString(16);
