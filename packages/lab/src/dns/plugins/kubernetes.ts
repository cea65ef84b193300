import { clusterReply, reverseReply, type ClusterView, type ZoneOptions } from '../cluster-records.ts';
import { within } from '../corefile.ts';
import type { Handler, Plugin, Query, Reply } from '../handler.ts';

export interface KubernetesOptions extends Omit<ZoneOptions, 'zone'> {
  readonly zones: readonly string[];
  /** Zones for which the next plugin is asked when a name is not found; undefined is none. */
  readonly fallthrough: readonly string[] | undefined;
}

const MAX_CNAMES = 8;

/** Services, endpoints and pods of the cluster. `resolve` follows a CNAME, as any other question. */
export function kubernetes(options: KubernetesOptions, view: ClusterView, resolve: Handler): Plugin {
  const forward = options.zones.filter((z) => !isReverse(z));
  const [primary = 'cluster.local'] = forward;
  const passes = (query: Query) => options.fallthrough?.some((z) => within(query.name, z)) ?? false;
  const answer = async (query: Query): Promise<Reply | undefined> => {
    const zone = options.zones.filter((z) => within(query.name, z)).sort((a, b) => b.length - a.length)[0];
    if (zone === undefined) return undefined;
    if (!isReverse(zone)) return follow(clusterReply(view, { ...options, zone }, query), query, resolve);
    return reverseReply(view, { ...options, zone: primary }, query) ?? { rcode: 'NXDOMAIN', authoritative: true, answers: [] };
  };
  return (next) => async (query) => {
    const reply = await answer(query);
    if (!reply || (reply.rcode === 'NXDOMAIN' && passes(query))) return (await next(query)) ?? reply;
    return reply;
  };
}

const isReverse = (zone: string) => within(zone, 'in-addr.arpa') || within(zone, 'ip6.arpa');

async function follow(reply: Reply, query: Query, resolve: Handler): Promise<Reply> {
  const answers = [...reply.answers];
  for (let i = 0; i < MAX_CNAMES && query.type !== 'CNAME'; i += 1) {
    const last = answers.at(-1);
    if (last?.type !== 'CNAME') break;
    const next = await resolve({ ...query, name: last.data.toLowerCase(), question: { ...query.question, name: last.data } });
    if (!next || next.answers.length === 0) break;
    answers.push(...next.answers);
  }
  return { ...reply, answers };
}
