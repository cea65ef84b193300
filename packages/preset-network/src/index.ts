/** @kosmos/preset-network: every network plugin of Kosmos as one entry. */
import type { PluginList } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { vxlan, type VxlanInput } from '@kosmos/plugin-network-vxlan';

export interface PresetNetworkOptions {
  /** Of `vxlan()`. */
  readonly vxlan?: VxlanInput;
}

/** For `plugins` of a config: `plugins: [presetNetwork()]`. */
export function presetNetwork(options: PresetNetworkOptions = {}): PluginList {
  return [clusters(), vxlan(options.vxlan)];
}
export default presetNetwork;
