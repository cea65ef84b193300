import type { Duplex, Readable, Writable } from 'node:stream';

/** A container of a pod on this node. */
export interface StreamTarget {
  readonly namespace: string;
  readonly pod: string;
  /** Empty for a port-forward, which is to a pod. */
  readonly container: string;
}

/** A terminal's size in characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** What a command talks to. What the client did not ask for is undefined. */
export interface CommandIO {
  /** Ends when the client has no more to say. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  /** Undefined with a terminal, which has one output. */
  readonly stderr: Writable | undefined;
  readonly tty: boolean;
  /** Calls with the size of the client's terminal, now and whenever it changes. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** The client went away. */
  readonly signal: AbortSignal;
}

/** As in PodLogOptions of Kubernetes; `since` as milliseconds since 1970. */
export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  readonly since: number | undefined;
}

/** Ports of one pod, while somebody forwards to it. */
export interface PortDialer {
  /** A connection to a port as processes of the pod reach it at localhost. */
  connect(port: number): Promise<Duplex>;
  close(): void;
}

/** What a node does for streams. Every method may refuse with a StreamError. */
export interface NodeStreams {
  /** Whether there is such a pod, and such a container where one is named. */
  check(target: StreamTarget): void;
  /** Writes a container's log; with `follow` until the container ends or the signal. */
  logs(target: StreamTarget, options: LogOptions, out: Writable, signal: AbortSignal): Promise<void>;
  /** Runs a command in a container. Resolves with its exit code when its output has been written. */
  exec(target: StreamTarget, command: readonly string[], io: CommandIO): Promise<number>;
  /** Connects to a container's main process. Resolves when that ends or the client goes. */
  attach(target: StreamTarget, io: CommandIO): Promise<void>;
  dial(target: StreamTarget): PortDialer;
  /** What the node's pods use, as kubelets tell it at /stats/summary. */
  summary(): object;
}

/** A refusal by a node, as an HTTP status code and a text for people. */
export class StreamError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'StreamError';
    this.status = status;
  }
}
