/** Logs, commands and ports of a node's pods, as the API server asks a node for them. */
export { serveNodeStreams, type StreamServer, type StreamServerOptions } from './server.ts';
export {
  StreamError,
  type CommandIO,
  type LogOptions,
  type NodeStreams,
  type PortDialer,
  type StreamTarget,
  type TerminalSize,
} from './types.ts';
export { KUBELET_CLIENT } from './kubelet-client.ts';
