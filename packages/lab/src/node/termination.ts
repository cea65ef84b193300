import { closeSync, openSync, readSync } from 'node:fs';
import type { Container } from '../kube.ts';
import { sizeOf } from './log-times.ts';
import type { ContainerEntry } from './record.ts';

const MESSAGE_BYTES = 4096;
const LOG_BYTES = 2048;
const LOG_LINES = 80;

export const MESSAGE_PATH = '/dev/termination-log';

/** What a container left as the reason of its end: its termination log, or with the fallback the end of its log. */
export function terminationMessage(container: Container, exitCode: number, entry: ContainerEntry, file: string): string {
  const message = read(file, 0, MESSAGE_BYTES);
  if (message !== '' || exitCode === 0 || container.terminationMessagePolicy !== 'FallbackToLogsOnError') return message;
  const end = sizeOf(entry.log);
  const text = read(entry.log, Math.max(entry.logFrom ?? 0, end - LOG_BYTES), LOG_BYTES);
  return text
    .split('\n')
    .slice(-LOG_LINES - 1)
    .join('\n');
}

function read(file: string, from: number, count: number): string {
  try {
    const opened = openSync(file, 'r');
    try {
      const buffer = Buffer.alloc(count);
      return buffer.subarray(0, readSync(opened, buffer, 0, count, from)).toString();
    } finally {
      closeSync(opened);
    }
  } catch {
    return ''; // it left none
  }
}
