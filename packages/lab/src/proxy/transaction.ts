import type { Family } from '../cidr.ts';
import type { Ruleset } from './ruleset.ts';

/** The mark by which kube-proxy tells its postrouting chain what to masquerade. */
export const MASQUERADE_MARK = '0x4000';
export const TABLE = 'kube-proxy';

const MAPS = {
  'service-ips': 'ADDRESS . inet_proto . inet_service : verdict',
  'service-nodeports': 'inet_proto . inet_service : verdict',
  'no-endpoint-services': 'ADDRESS . inet_proto . inet_service : verdict',
  'no-endpoint-nodeports': 'inet_proto . inet_service : verdict',
} as const;

const BASE = (ip: string) => `
 chain mark-for-masquerade {
  meta mark set meta mark or ${MASQUERADE_MARK}
 }
 chain masquerading {
  meta mark and ${MASQUERADE_MARK} == 0 return
  meta mark set meta mark xor ${MASQUERADE_MARK}
  masquerade fully-random
 }
 chain reject-chain {
  reject
 }
 chain services {
  ${ip} daddr . meta l4proto . th dport vmap @service-ips
  ${ip} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
 }
 chain service-endpoints-check {
  ${ip} daddr . meta l4proto . th dport vmap @no-endpoint-services
 }
 chain nodeport-endpoints-check {
  ${ip} daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
 }
 chain cluster-ips-check {
  ${ip} daddr @cluster-ips reject
 }
 chain filter-forward {
  type filter hook forward priority -110;
  ct state invalid drop
  ct state new jump service-endpoints-check
  ct state new jump cluster-ips-check
 }
 chain filter-input {
  type filter hook input priority -110;
  ct state new jump nodeport-endpoints-check
  ct state new jump service-endpoints-check
 }
 chain filter-output {
  type filter hook output priority -110;
  ct state new jump service-endpoints-check
 }
 chain filter-output-post-dnat {
  type filter hook output priority -90;
  ct state new jump cluster-ips-check
 }
 chain nat-prerouting {
  type nat hook prerouting priority -100;
  jump services
 }
 chain nat-output {
  type nat hook output priority -100;
  jump services
 }
 chain nat-postrouting {
  type nat hook postrouting priority 100;
  jump masquerading
 }
`;

const EMPTY: Ruleset = { chains: new Map(), sets: new Map(), elements: new Map() };

/** One transaction that puts the whole table in place, whatever was there. */
export function wholeTable(family: Family, nodeAddresses: readonly string[], ruleset: Ruleset): string {
  const [table, ip, address] = family === 'IPv4' ? [`ip ${TABLE}`, 'ip', 'ipv4_addr'] : [`ip6 ${TABLE}`, 'ip6', 'ipv6_addr'];
  const maps = Object.entries(MAPS).map(([name, type]) => ` map ${name} {\n  type ${type.replace('ADDRESS', address)}\n }\n`);
  const nodeports = nodeAddresses.length > 0 ? `  elements = { ${nodeAddresses.join(', ')} }\n` : '';
  const sets = ` set cluster-ips {\n  type ${address}\n }\n set nodeport-ips {\n  type ${address}\n${nodeports} }\n`;
  return `table ${table}\ndelete table ${table}\ntable ${table} {\n${sets}${maps.join('')}${BASE(ip)}}\n${changes(family, EMPTY, ruleset)}`;
}

/** One transaction that makes the second of the first ruleset; '' when they are equal. Chains are there before what leads to them. */
export function changes(family: Family, from: Ruleset, to: Ruleset): string {
  const table = `${family === 'IPv4' ? 'ip' : 'ip6'} ${TABLE}`;
  const [chains, sets, elements] = [diff(from.chains, to.chains), diff(from.sets, to.sets), diff(from.elements, to.elements)];
  const element = (key: string, value?: string) => {
    const at = key.indexOf(' ');
    return `${table} ${key.slice(0, at)} { ${key.slice(at + 1)}${value ? ` : ${value}` : ''} }`;
  };
  return [
    ...chains.added.map((name) => `add chain ${table} ${name}`),
    ...[...elements.changed, ...elements.removed].map((key) => `delete element ${element(key)}`),
    ...[...chains.changed, ...chains.removed].map((name) => `flush chain ${table} ${name}`),
    ...sets.removed.map((name) => `delete set ${table} ${name}`),
    ...sets.added.map((name) => `add set ${table} ${name} { ${to.sets.get(name)} }`),
    ...[...chains.added, ...chains.changed].flatMap((name) =>
      (to.chains.get(name) ?? []).map((rule) => `add rule ${table} ${name} ${rule}`),
    ),
    ...[...elements.added, ...elements.changed].map((key) => `add element ${element(key, to.elements.get(key))}`),
    ...chains.removed.map((name) => `delete chain ${table} ${name}`),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function diff<T>(from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>): { added: string[]; changed: string[]; removed: string[] } {
  const differs = (a: T | undefined, b: T) => JSON.stringify(a) !== JSON.stringify(b);
  return {
    added: [...to.keys()].filter((key) => !from.has(key)),
    changed: [...to].filter(([key, value]) => from.has(key) && differs(from.get(key), value)).map(([key]) => key),
    removed: [...from.keys()].filter((key) => !to.has(key)),
  };
}
