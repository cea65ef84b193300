import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { PortDialer } from '@kosmos/apiserver/streams';
import { inNetns, nodeCommand } from '../isolate.ts';

interface Answer {
  readonly id: number;
  readonly error?: string;
}

/** Connections from within a pod's network, where its localhost is: by a process in there, for as long as it is needed. */
export function dialInto(netns: string): PortDialer {
  const [file, ...args] = inNetns(netns, nodeCommand('./node/dialer')) as [string, ...string[]];
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const waiting = new Map<number, { resolve(socket: Duplex): void; reject(error: Error): void }>();
  let last = 0;
  let over = false;
  const end = () => {
    over = true;
    for (const { reject } of waiting.values()) reject(new Error('the pod is gone'));
    waiting.clear();
  };
  child.on('error', end);
  child.on('exit', end);
  child.on('message', ((answer: Answer, socket?: Socket) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (socket && asked) {
      socket.allowHalfOpen = true;
      asked.resolve(socket);
    } else if (asked) asked.reject(new Error(answer.error ?? 'the connection ended'));
    else socket?.destroy();
  }) as never);
  return {
    connect: (port) =>
      new Promise((resolve, reject) => {
        if (over) {
          reject(new Error('the pod is gone'));
          return;
        }
        const id = (last += 1);
        waiting.set(id, { resolve, reject });
        child.send({ id, port });
      }),
    close: () => {
      if (!over) child.kill('SIGKILL');
    },
  };
}
