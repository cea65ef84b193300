/** Says what takes a while. */
export interface Progress {
  /** What is done now; how far it is, a terminal alone is told. */
  (what: string, far?: string): void;
  /** What follows is said by others. */
  end(): void;
}

const QUIET_MS = 1000;

/** Writes each step on a line of its own, from one second on; on a terminal each replaces the one before. */
export function progress(out: NodeJS.WritableStream): Progress {
  const terminal = Boolean((out as NodeJS.WriteStream).isTTY);
  const since = Date.now();
  let now = '';
  let shown = '';
  const show = () => {
    if (now === shown) return;
    out.write(terminal ? `\r\u001b[K${now}` : `${now}\n`);
    shown = now;
  };
  const timer = setTimeout(show, QUIET_MS);
  timer.unref();
  const step = (what: string, far = '') => {
    now = terminal && far !== '' ? `${what}: ${far}` : what;
    if (Date.now() - since >= QUIET_MS) show();
  };
  step.end = () => {
    clearTimeout(timer);
    if (terminal && shown !== '') out.write('\r\u001b[K');
    [now, shown] = ['', ''];
  };
  return step;
}
