import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanUp, eventually, onCleanUp, startTestApiServer, tempDir } from '@kosmos/testing';
import { connectCluster } from '../../src/connect.ts';
import { COREFILE, ConfigMaps } from '../../src/dns/objects.ts';
import { nodeCommand } from '../../src/isolate.ts';
import { lineLogger } from '../../src/log.ts';
import { EndpointSlices, Services } from '../../src/services.ts';

/** Stands where CoreDNS would: notes how it was called, what its Corefile holds, and when it is to read that again. */
const BINARY = `#!/bin/sh
echo "called with $1 $2" >> "$NOTES"
cat "$2" >> "$NOTES"
trap 'echo "reads again" >> "$NOTES"; cat "$2" >> "$NOTES"' USR1
while :; do sleep 0.1; done
`;

describe('where COREDNS names a binary', function () {
  this.timeout(60_000);
  after(cleanUp);

  it('that one is run on the Corefile of the cluster, with a way to its API server, and told of changes', async () => {
    const server = await startTestApiServer({ serviceCIDR: '10.201.0.0/16' });
    onCleanUp(() => server.stop());
    const dir = tempDir();
    const [kubeconfig, binary, notes] = [join(dir, 'kubeconfig'), join(dir, 'coredns'), join(dir, 'notes')];
    writeFileSync(kubeconfig, server.kubeconfig);
    writeFileSync(binary, BINARY);
    chmodSync(binary, 0o755);
    const config = { kubeconfig, addresses: ['192.0.2.1'], serviceCIDRs: ['10.201.0.0/16'], dir };
    const [file, ...args] = nodeCommand('./dns/main', JSON.stringify(config)) as [string, ...string[]];
    const child: ChildProcess = spawn(file, args, {
      env: { ...process.env, COREDNS: binary, NOTES: notes },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      detached: true,
    });
    onCleanUp(async () => {
      // With the binary, which is of its group.
      process.kill(-(child.pid as number), 'SIGKILL');
    });
    await new Promise((resolve, reject) => child.once('message', resolve).once('exit', reject));

    const { client } = connectCluster(kubeconfig, 'test', lineLogger());
    const noted = () => readFileSync(notes, 'utf8');
    await eventually(() => noted().includes(`called with -conf ${join(dir, 'Corefile')}`));
    await eventually(() => noted().includes(`kubeconfig ${kubeconfig}`));
    const namespace = 'kube-system';
    expect((await client.get(ConfigMaps, 'coredns', { namespace }))?.data?.Corefile).to.equal(COREFILE);
    expect((await client.get(Services, 'kube-dns', { namespace }))?.spec?.clusterIP).to.equal('10.201.0.10');
    const slices = await client.list(EndpointSlices, { namespace });
    expect(slices.map((s) => s.endpoints?.map((e) => e.addresses))).to.deep.equal([[['192.0.2.1']]]);

    const stub = `${COREFILE}stub.example:53 {\n    forward . 192.0.2.9\n}\n`;
    await client.patch(ConfigMaps, 'coredns', { data: { Corefile: stub } }, { namespace });
    await eventually(() => /reads again[^]*stub\.example:53 \{/.test(noted()), { message: 'the binary reads the new Corefile' });
  });
});
