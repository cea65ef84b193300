export { startApiServer, ApiServerError, type ApiServer, type ApiServerOptions } from './server.ts';
export type { Fault, Faults, Match, RequestCount } from './faults.ts';
export type { Certificate, CertificateRequest } from './auth/certificates.ts';
export type { Clock } from './controllers/clock.ts';
export { certify } from './auth/certificates.ts';
export { kubeconfigText } from './auth/kubeconfig.ts';
export { loadPki, type Pki } from './auth/pki.ts';
export { startRemoteControllers, type RemoteCluster, type RemoteControllersOptions } from './controllers/remote.ts';
