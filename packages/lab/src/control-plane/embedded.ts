import { createServer } from 'node:net';
import { startApiServer } from '@kosmos/apiserver';
import type { ControlPlaneConfig } from './config.ts';
import { type ControlPlane, LISTENER_FD, PORT } from './control-plane.ts';

/** The embedded API server, with all of its controllers. */
export async function startEmbedded(config: ControlPlaneConfig): Promise<ControlPlane> {
  const server = await startApiServer({
    name: `${config.lab}-${config.cluster}`,
    host: config.address,
    port: PORT,
    advertise: [`127.0.0.1:${config.port}`, ...config.otherAddresses],
    dataDir: config.data,
    serviceCIDRs: [...config.serviceCIDRs],
    metrics: true,
    controllers: ['*'],
  });
  await server.attach(createServer().listen({ fd: LISTENER_FD }));
  for (const host of config.otherAddresses) await server.attach(createServer().listen({ host, port: PORT }));
  return {
    ca: server.ca,
    kubeconfig: (at) => server.kubeconfig(at === undefined ? {} : { server: at }),
    certify: (request) => server.issueCertificate(request),
    stop: () => server.stop(),
  };
}
