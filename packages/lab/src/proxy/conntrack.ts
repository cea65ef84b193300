import { execFile } from 'node:child_process';
import { toolEnv } from '../isolate.ts';
import type { ServicePort } from './service-ports.ts';

/** Flows to forget, as arguments of conntrack(8). */
export type Stale = readonly string[];

/**
 * UDP flows that would go on to a backend that is no more, or past a service that had none: a datagram of a known flow is
 * not translated anew. TCP ends by itself.
 */
export function staleFlows(before: readonly ServicePort[], after: readonly ServicePort[]): Stale[] {
  const next = new Map(after.map((p) => [p.id, p]));
  const past = new Map(before.map((p) => [p.id, p]));
  const gone = before
    .filter((p) => p.protocol === 'UDP')
    .flatMap((p) => {
      const kept = new Set(backendsOf(next.get(p.id)));
      return backendsOf(p)
        .filter((ip) => !kept.has(ip))
        .flatMap((ip) => destinationsOf(p).map((to) => [...to, '--reply-src', ip]));
    });
  const begun = after
    .filter((p) => p.protocol === 'UDP' && backendsOf(p).length > 0 && backendsOf(past.get(p.id)).length === 0)
    .flatMap((p) => destinationsOf(p));
  return [...gone, ...begun];
}

const backendsOf = (port: ServicePort | undefined): string[] => [
  ...new Set([...(port?.cluster ?? []), ...(port?.local ?? [])].map((b) => b.ip)),
];

const destinationsOf = (port: ServicePort): Stale[] => [
  ...[port.clusterIP, ...port.externalIPs].map((ip) => ['--orig-dst', ip, '--orig-port-dst', String(port.port)]),
  ...(port.nodePort === undefined ? [] : [['--orig-port-dst', String(port.nodePort)]]),
];

/** Resolves with what went wrong, '' is nothing; that there was no such flow is right. */
export function forget(flow: Stale, family: 'ipv4' | 'ipv6'): Promise<string> {
  return new Promise((resolve) => {
    execFile('conntrack', ['-D', '-f', family, '-p', 'udp', ...flow], { env: toolEnv(), timeout: 10_000 }, (error, _out, stderr) =>
      resolve(error && !stderr.includes('0 flow entries') ? stderr.trim() || error.message : ''),
    );
  });
}
