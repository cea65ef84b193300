export { startApiServer, ApiServerError, type ApiServer, type ApiServerOptions } from './server.ts';
export type { Fault, Faults, Match, RequestCount } from './faults.ts';
export type { Certificate, CertificateRequest } from './auth/certificates.ts';
export type { Clock } from './controllers/clock.ts';
