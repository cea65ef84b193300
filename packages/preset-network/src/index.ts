/** @kosmos/preset-network: every network plugin of Kosmos as one entry. */
import type { PluginList } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { dualstack } from '@kosmos/plugin-dualstack';
import { gateway, type GatewayInput } from '@kosmos/plugin-gateway';
import { globalip, type GlobalIpInput } from '@kosmos/plugin-globalip';
import { vxlan, type VxlanInput } from '@kosmos/plugin-network-vxlan';

export interface PresetNetworkOptions {
  /** Of `vxlan()`. */
  readonly vxlan?: VxlanInput;
  /** Of `gateway()`. */
  readonly gateway?: GatewayInput;
  /** Of `globalip()`. */
  readonly globalip?: GlobalIpInput;
}

/** For `plugins` of a config: `plugins: [presetNetwork()]`. */
export function presetNetwork(options: PresetNetworkOptions = {}): PluginList {
  return [clusters(), vxlan(options.vxlan), gateway(options.gateway), globalip(options.globalip), dualstack()];
}
export default presetNetwork;
