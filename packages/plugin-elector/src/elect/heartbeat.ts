import { isGateway, type Lease, LeaseKind, SYSTEM_NAMESPACE, type ClusterNode } from '@kosmos/api';
import type { Clock, Writer } from '@kosmos/kernel';

/** Agents of gateways renew a Lease, so that the elector hears of one that is gone. Others need none: nothing depends on them. */
export const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;

export const leaseName = (clusterNode: string): string => `gateway-${clusterNode}`;
/** Marks these leases, and says of which cluster the gateway is. */
export const LEASE_LABEL = 'kosmos.io/gateway-of';

/** Renews the Lease of this node while it is a gateway. Returns the function that stops it. */
export function heartbeat(
  self: () => ClusterNode | undefined,
  name: string,
  instance: string,
  writer: Writer,
  clock: Clock,
  failed: (error: unknown) => void,
): () => void {
  let cancel: () => void;
  const beat = async () => {
    const node = self();
    if (node && isGateway(node)) {
      const lease = {
        metadata: { name: leaseName(name), namespace: SYSTEM_NAMESPACE, labels: { [LEASE_LABEL]: node.spec?.clusterName ?? '' } },
        spec: { holderIdentity: instance, leaseDurationSeconds: LEASE_SECONDS, renewTime: microTime(clock.now()) },
      };
      await writer.apply<Lease>('host', LeaseKind, lease, { force: true }).catch(failed);
    }
    cancel = clock.after(RENEW_MS, () => void beat());
  };
  cancel = clock.after(0, () => void beat());
  return () => cancel();
}

/** A time as Leases have it: RFC 3339 with microseconds. */
const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/**
 * Which leases were renewed within their duration. Clocks of other machines are not compared with ours: what counts is when
 * a renewal was first seen here.
 */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #seen = new Map<string, { readonly renewTime: string; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A lease that does not exist proves nothing: its node was no gateway until now. */
  alive(lease: Lease | undefined): boolean {
    if (!lease) return true;
    const { name } = lease.metadata;
    const renewTime = lease.spec?.renewTime ?? '';
    const known = this.#seen.get(name);
    const now = this.#clock.now();
    if (known?.renewTime === renewTime) return now - known.at < LEASE_SECONDS * 1000;
    this.#seen.set(name, { renewTime, at: now });
    return true;
  }
}
