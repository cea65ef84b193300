/** The preset offers nothing of its own to other plugins. */
export type { PresetNetworkOptions } from './index.ts';
