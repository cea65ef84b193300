import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  KUBELET_CLIENT,
  serveNodeStreams,
  StreamError,
  type NodeStreams,
  type StreamServer,
  type StreamTarget,
} from '@kosmos/apiserver/streams';
import type { NodeConfig } from './config.ts';
import { dialInto } from './dial.ts';
import { execIn } from './exec.ts';
import { sizeOf } from './log-times.ts';
import { writeLog, type LogPart } from './logs.ts';
import type { Kubelet } from './kubelet.ts';
import type { PodView } from './pod-view.ts';
import { childOf } from './root/processes.ts';
import { stdinOf } from './container.ts';
import { summarizer } from './summary.ts';
import { resize } from './terminal.ts';

/** As Kubernetes' kubelets have it. */
export const KUBELET_PORT = 10250;

/** Serves logs, commands, ports and measurements of this node's pods to the cluster's API server. */
export function serveStreams(config: NodeConfig, kubelet: Kubelet): Promise<StreamServer> {
  const file = (name: string) => readFileSync(join(config.identity, name), 'utf8');
  return serveNodeStreams({
    host: config.address,
    port: KUBELET_PORT,
    cert: file('kubelet.crt'),
    key: file('kubelet.key'),
    ca: file('ca.crt'),
    client: KUBELET_CLIENT,
    streams: { ...podStreams((namespace, name) => kubelet.find(namespace, name)), summary: summarizer(config, () => kubelet.views()) },
  });
}

function podStreams(find: (namespace: string, name: string) => PodView | undefined): Omit<NodeStreams, 'summary'> {
  const podOf = ({ namespace, pod }: StreamTarget) => {
    const found = find(namespace, pod);
    if (!found) throw new StreamError(404, `pod ${namespace}/${pod} does not run on this node`);
    return found;
  };
  const running = (target: StreamTarget) => {
    const view = podOf(target);
    const container = view.container(target.container);
    if (!container?.running) throw new StreamError(500, `container not found ("${target.container}")`);
    return { ...container, running: container.running, netns: view.netns };
  };
  return {
    check: (target) => void podOf(target),
    logs: (target, options, out, signal) => writeLog(partOf(podOf(target), target, options.previous), options, out, signal),
    exec: (target, command, io) => {
      const { netns, env, cwd, running: at } = running(target);
      return execIn({ netns, pid: at.process.pid, env, cwd }, command, io);
    },
    attach: async (target, io) => {
      const { running: process, log, stdin, tty } = running(target);
      const gone = new AbortController();
      io.signal.addEventListener('abort', () => gone.abort());
      if (tty) io.onResize((size) => void resize(childOf(process.process.pid) ?? 0, size));
      if (io.stdin && stdin) {
        // A pipe by name, which the container holds open: it goes on when the client has gone.
        const pipe = await open(stdinOf(log), constants.O_WRONLY | constants.O_NONBLOCK);
        const writer = pipe.createWriteStream();
        writer.on('error', () => {}); // the container ended
        io.stdin.pipe(writer);
      }
      const part = { file: log, from: sizeOf(log), to: undefined, ended: process.ended };
      const all = { follow: true, previous: false, timestamps: false, tailLines: undefined, limitBytes: undefined, since: undefined };
      if (io.stdout) await writeLog(part, all, io.stdout, gone.signal);
      else await Promise.race([process.ended, new Promise((resolve) => gone.signal.addEventListener('abort', resolve))]);
    },
    dial: (target) => dialInto(podOf(target).netns),
  };
}

function partOf(view: PodView, target: StreamTarget, previous: boolean): LogPart {
  const container = view.container(target.container);
  if (!container) throw new StreamError(404, `container "${target.container}" is not on this node`);
  const { log, logFrom, previousFrom, running, waiting } = container;
  const ended = Promise.resolve();
  if (previous) {
    if (previousFrom === undefined || logFrom === undefined)
      throw new StreamError(400, `previous terminated container "${target.container}" in pod "${target.pod}" not found`);
    return { file: log, from: previousFrom, to: logFrom, ended };
  }
  if (logFrom === undefined)
    throw new StreamError(
      400,
      `container "${target.container}" in pod "${target.pod}" is waiting to start: ${waiting ?? 'ContainerCreating'}`,
    );
  return running ? { file: log, from: logFrom, to: undefined, ended: running.ended } : { file: log, from: logFrom, to: sizeOf(log), ended };
}
