import { appendFileSync, readFileSync, statSync, watch } from 'node:fs';

/**
 * When a log grew. Containers write to their log themselves, so that they need no kubelet; the kubelet notes beside it, in
 * `FILE.times`, at which offset the log stood when something came. What comes while no kubelet runs gets the time at which one is back.
 */
export function noteTimes(log: string, ended: Promise<unknown>): void {
  let noted = times(log).at(-1)?.end ?? 0;
  const note = (): void => {
    const end = sizeOf(log);
    if (end <= noted) return;
    appendFileSync(timesOf(log), `${end} ${Date.now()}\n`);
    noted = end;
  };
  note();
  const watcher = watch(log, note);
  watcher.on('error', () => {}); // the log is gone, with its pod
  void ended.then(() => {
    watcher.close();
    note();
  });
}

const timesOf = (log: string) => `${log}.times`;

export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** What was written up to `end` (and after the entry before) came at `at`, milliseconds since 1970. */
export function times(log: string): { readonly end: number; readonly at: number }[] {
  let text = '';
  try {
    text = readFileSync(timesOf(log), 'utf8');
  } catch {
    return []; // it has said nothing yet
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [end, at] = line.split(' ');
      return { end: Number(end), at: Number(at) };
    });
}
