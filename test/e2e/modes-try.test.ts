import { cleanUp, eventually, needs } from '@kosmos/testing';
import { podIPs, pods, seen, startMode, traffic, vipOf } from '../support/modes.ts';
import type { Lab } from '@kosmos/lab';

describe('try', function () {
  this.timeout(300_000);
  let lab: Lab;
  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    lab = await startMode(JSON.parse(process.env.MODE ?? '{"types":["gateway","gateway"],"gateways":2,"families":"ipv4"}'));
  });
  after(cleanUp);
  it('goes', async () => {
    const [c1, c2] = lab.clusters as any;
    console.log(podIPs(lab, c1, 'on-n1'), podIPs(lab, c2, 'on-n3'));
    for (const ip of podIPs(lab, c2, 'on-n3')) {
      const to = seen(lab, c2, ip);
      await eventually(async () => (await lab.exec('c1/on-n3', ['ping', '-c1', '-W1', to])).code === 0, { message: `ping ${to}`, timeoutMs: 10000 }).catch((e) => console.log(String(e)));
    }
    if (process.env.DUMP) for (const n of process.env.DUMP.split(',')) for (const c of ['ip route show table 200', 'ip -6 route show table 200', 'ip nexthop', 'ip neigh show nud permanent', 'bridge fdb', 'nft list table inet kosmos', 'ip -br a']) { const r = await lab.exec(n, c.split(' ')); console.log(`--- ${n}: ${c}\n${r.stdout}${r.stderr}`); }
    if (process.env.HOLD) { console.log(lab.name, process.env.KOSMOS_LAB_HOME); await new Promise((r) => setTimeout(r, Number(process.env.HOLD) * 1000)); }
    for (const from of pods(c1)) for (const pod of pods(c2)) for (const ip of podIPs(lab, c2, pod)) console.log(from, pod, ip, JSON.stringify(await traffic(lab, `c1/${from}`, seen(lab, c2, ip))));
    for (const from of pods(c1)) for (const [i] of pods(c2).entries()) for (const six of [false, true]) if (c2.serviceCIDRs.some((c: string) => c.includes(':') === six)) console.log(from, 'vip', i, six, JSON.stringify(await traffic(lab, `c1/${from}`, seen(lab, c2, vipOf(c2, i, six)), 80)));
    console.log('host', JSON.stringify(await traffic(lab, `c1/n3`, seen(lab, c2, podIPs(lab, c2, 'on-n3')[0]!))));
    console.log('host gw', JSON.stringify(await traffic(lab, `c1/n1`, seen(lab, c2, podIPs(lab, c2, 'on-n1')[0]!))));
  });
});
