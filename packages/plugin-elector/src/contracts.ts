/** The elector offers nothing of its own: it provides `NextHopHealth` of @kosmos/plugin-network-vxlan/contracts in the role `agent`. */
export type { ElectorInput } from './options.ts';
