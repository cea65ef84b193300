/** What marks a piece of the kernel's state as the agent's own. */

/** Devices of this name and of kind vxlan. */
export const OWN_DEVICES: ReadonlySet<string> = new Set(['vx-bridge', 'vx-local', 'vx-bridge-6', 'vx-local-6']);
/** Routing table, and priority of the rule that looks it up: before `main` (32766). */
export const TABLE = 200;
export const RULE_PRIORITY = 200;
/** rtm_protocol of routes, rules and nexthops; free in iproute2's rt_protos. */
export const PROTOCOL = 84;
/** Nexthop objects have ids from NEXTHOP_BASE on, NEXTHOP_COUNT of them. */
export const NEXTHOP_BASE = 84 * 2 ** 24;
export const NEXTHOP_COUNT = 2 ** 24;
/** The nft table with what the plan says. */
export const NFT_TABLE = { family: 'inet', name: 'kosmos' } as const;
/** The nft table with what the agent must not forget; no packet comes by. */
export const NFT_MEMORY = { family: 'inet', name: 'kosmos-memory' } as const;
/** Bytes that the tunnel adds; the kernel holds to them too. */
export const OVERHEAD = { 4: 50, 6: 70 } as const;
