/** @kosmos/preset-network: every network plugin of Kosmos as one entry. */
import type { PluginList } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { dualstack } from '@kosmos/plugin-dualstack';
import { elector, type ElectorInput } from '@kosmos/plugin-elector';
import { gateway, type GatewayInput } from '@kosmos/plugin-gateway';
import { health, type HealthInput } from '@kosmos/plugin-health';
import { globalip, type GlobalIpInput } from '@kosmos/plugin-globalip';
import { vxlan, type VxlanInput } from '@kosmos/plugin-network-vxlan';

export interface PresetNetworkOptions {
  /** Of `vxlan()`. */
  readonly vxlan?: VxlanInput;
  /** Of `gateway()`. */
  readonly gateway?: GatewayInput;
  /** Of `elector()`; false: the roles of nodes are given by hand. */
  readonly elector?: ElectorInput | false;
  /** Of `health()`, which needs the elector's probes. */
  readonly health?: HealthInput;
  /** Of `globalip()`. */
  readonly globalip?: GlobalIpInput;
}

/** For `plugins` of a config: `plugins: [presetNetwork()]`. */
export function presetNetwork(options: PresetNetworkOptions = {}): PluginList {
  const elected = options.elector === false ? [] : [elector(options.elector), health(options.health)];
  return [clusters(), vxlan(options.vxlan), gateway(options.gateway), ...elected, globalip(options.globalip), dualstack()];
}
export default presetNetwork;
