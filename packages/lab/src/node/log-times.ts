import { appendFileSync, readFileSync, statSync, watch } from 'node:fs';

/**
 * When a log grew. Containers write to their log themselves, so that they need no kubelet; the kubelet notes beside it, in
 * `FILE.times`, at which offset the log stood and when that was written. The time is the file system's, so that it is right also
 * when the kubelet comes late; of what came in several writes meanwhile (or while no kubelet ran) it is the last one's.
 */
export function noteTimes(log: string, ended: Promise<unknown>): void {
  let noted = times(log).at(-1)?.end ?? 0;
  const note = (): void => {
    const now = statSync(log, { throwIfNoEntry: false });
    if (!now || now.size <= noted) return;
    appendFileSync(timesOf(log), `${now.size} ${Math.floor(now.mtimeMs)}\n`);
    noted = now.size;
  };
  // In this order: what is written before the watch is seen by the look after it.
  const watcher = watch(log, note);
  watcher.on('error', () => {}); // the log is gone, with its pod
  note();
  void ended.then(() => {
    watcher.close();
    note();
  });
}

const timesOf = (log: string) => `${log}.times`;

/** Milliseconds since 1970 at which a file was last written to; now where it is gone. */
export function writtenAt(file: string): number {
  return Math.floor(statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
}

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
