import type { Logger } from '@kosmos/kernel';

/** A line a record on stdout, which the supervisor has put into the process's log file. */
export function lineLogger(fields: object = {}): Logger {
  const line = (level: string) => (more: object, message: string) =>
    console.log(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields, ...more }));
  const silent = () => {};
  return {
    trace: silent,
    debug: silent,
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (more) => lineLogger({ ...fields, ...more }),
  };
}
