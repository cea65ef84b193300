import type { Cluster, ClusterNode } from '@kosmos/api';
import type { Ctx, Health, Metrics, Token } from '@kosmos/kernel';
import type { NextHopHealth } from './contracts.ts';
import type { NodePlan } from './plan/types.ts';

/** What the agent is to hold on its node, always the newest. */
export interface PlanSource {
  /**
   * Undefined while it is not known (informers not synced): leave the node as it is. A node that takes no part in the
   * network (no ClusterNode, no address yet, link disabled) has a plan with empty lists: remove what is ours.
   * The same object as before means that nothing changed.
   */
  plan(): NodePlan | undefined;
  /** Called when `plan()` is another object than before. Returns the unsubscribe function. */
  onChange(fn: () => void): () => void;
}

/** What the agent part gets beside its context. Built in src/index.ts. */
export interface AgentDeps {
  readonly plans: PlanSource;
  /** Name of this node's ClusterNode (`<cluster>-<node>`), which the agent fills with ip, ip6 and interfaceName. */
  readonly name: string;
  /** This node's ClusterNode as the host has it; undefined: the inventory has not made it yet, or not known yet. */
  self(): ClusterNode | undefined;
  /** The Cluster object of this node: nicNodeNames, defaultNICName, autodetectionMethod. */
  cluster(): Cluster | undefined;
  /** Called when `self()` or `cluster()` changed. */
  onSelfChange(fn: () => void): () => void;
}

/** The context of the agent part: `use` has these, and writes go through `ctx.writer('agent')`, cluster `host`. */
export type AgentNeeds = { readonly metrics: Token<Metrics>; readonly health: Token<Health> };
export type AgentCtx = Pick<
  Ctx<AgentNeeds, { readonly nextHops: Token<NextHopHealth> }, {}>,
  'use' | 'maybe' | 'self' | 'log' | 'clock' | 'writer' | 'onStart' | 'onStop'
>;
/** Exported by src/agent/index.ts as `setupAgent`. Declares, synchronously, without I/O. */
export type SetupAgent<Options> = (ctx: AgentCtx, options: Options, deps: AgentDeps) => void;
