import { spawn } from 'node:child_process';

/** Of the whole process, should it hang. */
const TIMEOUT_MS = 2000;

/**
 * Does the peer's kernel answer? Its agent may be away while it forwards. False also where there is no `ping`: then the
 * agents' answers alone count. The arguments are addresses and a device name of the plan, which are validated there.
 */
export function pingOnce(address: string, dev: string, waitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const args = ['-n', '-q', '-c', '1', '-W', (waitMs / 1000).toFixed(2), '-I', dev, address];
    const child = spawn('ping', args, { stdio: 'ignore', timeout: TIMEOUT_MS });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}
