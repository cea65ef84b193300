import { startApiServer } from '@kosmos/apiserver';
import { startTestApiServer } from '@kosmos/testing';
import { Side } from './side.ts';

const SERVICES = '10.96.0.0/16';

export interface Servers {
  real: Side;
  embedded: Side;
  /** What should not have happened inside the embedded server. */
  reports: unknown[];
  stop(): Promise<void>;
}

/** A real API server and the embedded one, each with a namespace `differ` and its service account, and no controllers. */
export async function startServers(): Promise<Servers> {
  const real = await startTestApiServer({ serviceCIDR: SERVICES, serviceAccounts: true });
  const reports: unknown[] = [];
  const embedded = await startApiServer({ serviceCIDRs: [SERVICES], controllers: [], report: (error) => reports.push(error) });
  const config = JSON.parse(real.kubeconfig);
  const sides = [
    {
      url: real.url,
      ca: Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString(),
      token: config.users[0].user.token,
    },
    { url: embedded.url, ca: embedded.ca, token: embedded.issueToken('admin', ['system:masters']) },
  ].map((access) => new Side(access)) as [Side, Side];
  for (const side of sides) {
    await side.ask({ do: 'namespace', method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: 'differ' } } });
    for (const namespace of ['differ', 'default'])
      await side.ask({
        do: 'account',
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/serviceaccounts`,
        body: { metadata: { name: 'default' } },
      });
  }
  return {
    real: sides[0],
    embedded: sides[1],
    reports,
    async stop() {
      for (const side of sides) side.close();
      await Promise.all([real.stop(), embedded.stop()]);
    },
  };
}
