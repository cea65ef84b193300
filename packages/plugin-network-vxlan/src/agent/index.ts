/** The agent: holds this node's kernel to its plan, tells the host cluster the node's addresses, and reports. */
import { type ClusterNode, ClusterNodeKind, clusterNodeName, NodeConfigKind, rfc3339 } from '@kosmos/api';
import { createHostNet, HostNetError, type Link } from '@kosmos/hostnet';
import { KosmosError, type Right, type Who } from '@kosmos/kernel';
import type { AgentCtx, AgentDeps } from '../agent-contract.ts';
import type { VxlanOptions } from '../options.ts';
import { merge } from '../findings.ts';
import { OWN_DEVICES } from './constants.ts';
import { chosen } from './choice.ts';
import { type Detected, detect, says } from './detect.ts';
import { kernelState, type Outcome } from './kernel-state.ts';
import { nodeReport } from './report.ts';
import { overlayAddresses, replaceable } from './spare.ts';
import { worker } from './worker.ts';

export { agentCommands } from './command.ts';
export { removeAll } from './uninstall.ts';

const UNDERLAY_UNKNOWN = 'UnderlayUnknown';
/** A full look even if nothing hinted at a change. */
const PERIOD_MS = 30_000;
/** For changes that the kernel tells nobody of. */
const POLL_MS = 5000;
const HINT_DEBOUNCE_MS = 100;

/** An agent writes what is its own node's, and nothing else. */
export function agentRights({ cluster, node = '' }: Who): readonly Right[] {
  const names = [clusterNodeName(cluster, node)];
  return [
    { on: 'host', kind: ClusterNodeKind, verbs: ['patch'], names },
    { on: 'host', kind: ClusterNodeKind, subresource: 'status', verbs: ['patch'], names },
    { on: 'host', kind: NodeConfigKind, verbs: ['create', 'patch', 'delete'], names },
    { on: 'host', kind: NodeConfigKind, subresource: 'status', verbs: ['patch'], names },
  ];
}

/** Declares the agent. Stopping it leaves the kernel as it is: packets flow on while it is away. */
export function setupAgent(ctx: AgentCtx, options: Pick<VxlanOptions, 'foreignChains'>, deps: AgentDeps): void {
  const net = createHostNet();
  const { nextHops } = ctx.maybe;
  const state = kernelState(net, options, nextHops?.usable);
  const { log, clock } = ctx;
  const writer = ctx.writer('agent');
  const seconds = ctx.use.metrics.histogram('network_agent_look_seconds', 'Duration of one look at the kernel and what followed.', [
    'written',
  ]);
  const trouble = ctx.use.metrics.gauge('network_agent_problems', 'Items of the plan that the node does not hold.');
  let notReady: string | undefined = 'the plan of this node is not known yet';
  ctx.use.health.ready('network-vxlan', () => notReady);
  const report = nodeReport(deps.name, writer, clock, (error) =>
    log.warn({ error: words(error) }, 'The NodeConfig could not be written; it is tried again'),
  );
  let told = '';

  const work = worker(clock, PERIOD_MS, look, (error) => {
    notReady = words(error);
    log.error({ error: words(error) }, 'The kernel could not be looked at or changed; it is tried again');
  });

  async function look(signal: AbortSignal): Promise<'done' | 'retry'> {
    const plan = deps.plans.plan();
    if (!plan) {
      await tellAddresses(await net.links({ signal }), signal);
      return 'done';
    }
    const { ip, ip6 } = deps.self()?.spec ?? {};
    const from = performance.now();
    await state.change(plan, { ip, ip6 }, signal);
    const outcome = await state.hold(plan, { ip, ip6 }, signal).catch((error: unknown) => {
      if (deps.plans.plan() === plan || !(error instanceof HostNetError) || error.code !== 'HOSTNET_E_ABORTED') throw error;
    });
    if (!outcome) return look(signal);
    seconds.observe((performance.now() - from) / 1000, { written: String(outcome.written > 0) });
    trouble.set(outcome.problems.length + outcome.refused.length);
    notReady =
      outcome.refused.length > 0 ? `${outcome.refused.length} items of the plan were refused, e.g. ${outcome.refused[0]!.item}` : undefined;
    tell(outcome, performance.now() - from);
    const own = overlayAddresses(plan);
    nextHops?.follow(
      replaceable(plan).flatMap((hop) => (own.has(hop.dev) ? [{ ...hop, source: own.get(hop.dev)! }] : [])),
      [...own.values()],
    );
    if (deps.self()) report.held(plan, outcome);
    else report.gone();
    await tellAddresses(outcome.links, signal);
    return outcome.refused.length > 0 ? 'retry' : 'done';
  }

  function tell({ written, problems, refused, blocked }: Outcome, ms: number): void {
    if (written > 0) log.info({ written, ms: Math.round(ms) }, 'The kernel was brought to what is planned');
    const all = JSON.stringify([problems, refused, blocked]);
    if (all !== told) {
      for (const { item, message } of [...problems, ...refused]) log.warn({ item }, `Not applied: ${message}`);
      for (const { item, message } of blocked) log.warn({ item }, `Forwarded packets are dropped: ${message}`);
    }
    told = all;
  }

  /** Packets are being lost: what is written here waits for no look. */
  function failover(): void {
    state
      .failover()
      .then((written) => written > 0 && log.info({ written }, 'Next hop groups were given other members'))
      .catch((error: unknown) => log.error({ error: words(error) }, 'Next hop groups could not be changed at once; the next look does it'))
      .finally(() => work.wake(0));
  }

  async function tellAddresses(links: readonly Link[], signal: AbortSignal): Promise<void> {
    const node = deps.self();
    if (!node) return;
    const choice = chosen(deps.cluster(), node.spec?.nodeName ?? ctx.self.node ?? '');
    const found = await detect(net, choice, links, node.spec, { signal });
    await tellTrouble(node, found, signal);
    if (!('underlay' in found) || says(node, found.underlay)) return;
    const { underlay } = found;
    try {
      await writer.apply(
        'host',
        ClusterNodeKind,
        { metadata: { name: deps.name }, spec: underlay },
        { force: true, uid: node.metadata.uid, signal },
      );
      log.info(underlay, 'The node has told its underlay interface and addresses');
    } catch (error) {
      // What the kernel holds must not wait for the API server.
      log.warn({ error: words(error) }, "The node's addresses could not be written; it is tried again");
      work.wake(2000);
    }
  }

  /** What is known stays as it is while nothing is found. */
  async function tellTrouble(node: ClusterNode, found: Detected, signal: AbortSignal): Promise<void> {
    const findings = 'underlay' in found ? [] : [{ type: UNDERLAY_UNKNOWN, status: 'True' as const, ...found }];
    const conditions = merge(findings, node.status?.conditions, rfc3339(clock.now()), [UNDERLAY_UNKNOWN]);
    if (!conditions) return;
    for (const { reason, message } of findings) log.warn({ reason }, `The underlay interface is not known: ${message}`);
    try {
      const { uid } = node.metadata;
      const object = { metadata: { name: deps.name }, status: { conditions } };
      await writer.apply('host', ClusterNodeKind, object, { force: true, subresource: 'status', uid, signal });
    } catch (error) {
      log.warn({ error: words(error) }, 'A condition of the ClusterNode could not be written; it is tried again');
      work.wake(2000);
    }
  }

  const stops: (() => void)[] = [];
  const poll = worker(
    clock,
    POLL_MS,
    async (signal) => {
      if (await state.undone(signal)) work.wake();
      return 'done';
    },
    (error) => log.debug({ error: words(error) }, 'The filter tables could not be looked at; the next look tells'),
  );
  ctx.onStart(async (signal) => {
    try {
      await net.links({ signal });
      await net.nftTable({ family: 'inet', name: 'kosmos' }, { signal });
    } catch (error) {
      if (!(error instanceof HostNetError)) throw error;
      throw new KosmosError('KOSMOS_E_HOST', error.message, {
        where: 'network-vxlan agent',
        ...(error.hint !== undefined && { hint: error.hint }),
      });
    }
    stops.push(
      net.monitor({
        debounceMs: HINT_DEBOUNCE_MS,
        hint: (at) => at > state.lookedAt && work.wake(),
        filter: worthALook,
        failed: (error) => log.warn({ error: error.message }, 'Watching the kernel was interrupted; it is started again'),
      }),
      deps.plans.onChange(() => {
        state.interrupt();
        work.wake();
      }),
      deps.onSelfChange(() => work.wake()),
      ...(nextHops ? [nextHops.onChange(failover)] : []),
    );
    work.wake();
    poll.wake(POLL_MS);
  });
  ctx.onStop(async () => {
    for (const stop of stops) stop();
    report.stop();
    await Promise.all([work.stop(), poll.stop()]);
  });
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Neighbours of other devices come and go all the time. */
function worthALook(line: string): boolean {
  if (!line.startsWith('[NEIGH]')) return true;
  const dev = / dev (\S+)/.exec(line)?.[1];
  return dev === undefined || OWN_DEVICES.has(dev);
}
