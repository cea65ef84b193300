/** `kosmos run`: one role's process, until a signal ends it. */
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import type { Role } from '@kosmos/kernel';
import { type Kernel, type LogLevel, createKernel, fail, formatErrors, loadConfig } from '@kosmos/kernel/runtime';

import { controlSocket } from './control.ts';

export interface RunOptions {
  readonly role: Role;
  readonly config?: string;
  readonly cluster?: string;
  readonly node?: string;
  readonly logLevel?: LogLevel;
}

/** Runs until SIGTERM or SIGINT, then stops in order; the exit code. */
export async function run(options: RunOptions): Promise<number> {
  if (options.role === 'agent' && options.node === undefined) {
    throw fail('KOSMOS_E_CONFIG_INVALID', 'the role agent needs the name of its node', { where: 'kosmos run', hint: 'Add --node NAME.' });
  }
  const { config, file } = await loadConfig(options.config, process.env);
  const kernel = await createKernel({
    config,
    configFile: file,
    role: options.role,
    cluster: options.cluster,
    node: options.node,
    logLevel: options.logLevel,
    controlSocket: controlSocket(options.role),
  });
  const ended = untilEnded();
  try {
    const first = await Promise.race([kernel.start(), ended.promise]);
    if (first === undefined) tellReady();
    const { code, error } = await ended.promise;
    if (error !== undefined) kernel.log.error({ error }, 'a fault that nothing handled: stopping');
    else kernel.log.info({}, 'stopping');
    await stop(kernel);
    return code;
  } finally {
    ended.forget();
  }
}

async function stop(kernel: Kernel): Promise<void> {
  await kernel.stop();
  kernel.log.info({}, 'stopped');
}

interface Ended {
  readonly code: number;
  readonly error?: unknown;
}

/** A second signal ends the process at once. */
function untilEnded(): { readonly promise: Promise<Ended>; forget(): void } {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  let asked = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
    asked = true;
    resolve({ code: 0 });
  };
  const onFault = (error: unknown) => {
    process.stderr.write(`${formatErrors(error, { debug: Boolean(process.env.KOSMOS_DEBUG) })}\n`);
    resolve({ code: 1, error });
  };
  // Waiting for a signal does not keep a process alive, and plugins need not.
  const hold = setInterval(() => {}, 2 ** 30);
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('uncaughtException', onFault).on('unhandledRejection', onFault);
  return {
    promise,
    forget() {
      clearInterval(hold);
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('uncaughtException', onFault).off('unhandledRejection', onFault);
    },
  };
}

/** To whoever started this process: over IPC, or as a line to the file descriptor in KOSMOS_READY_FD. */
function tellReady(): void {
  const message = { type: 'ready' };
  process.send?.(message);
  const fd = Number(process.env.KOSMOS_READY_FD);
  if (process.env.KOSMOS_READY_FD && Number.isInteger(fd)) writeSync(fd, `${JSON.stringify(message)}\n`);
  flushCompileCache(); // where there is one: it is not kept when this process is killed
}
