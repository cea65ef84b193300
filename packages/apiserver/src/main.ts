import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { ApiServerError, startApiServer, type ApiServer } from './server.ts';

const USAGE = `kosmos-apiserver: serves the Kubernetes API until it is stopped

  --data DIR            keep CA, keys and objects in DIR; memory only without it
  --port N              port to listen on; 0 (default): any free one
  --host H              address to listen on (default 127.0.0.1)
  --name NAME           name of the cluster in the kubeconfig (default kosmos)
  --advertise ADDR      a further address or name under which clients reach it (repeatable)
  --service-cidr CIDR   range for ClusterIPs (default 10.96.0.0/12); twice for one of each IP family
  --controllers LIST    controllers to run: * is all, NAME that one, -NAME all but that one, with commas between
                        (default namespace-controller)
  --kubeconfig FILE     where the administrator's kubeconfig is written (default: in DIR, else in a temporary directory)
  --help

The first line on the standard output is the path of the kubeconfig.`;

function fail(message: string): never {
  console.error(`kosmos-apiserver: ${message}`);
  process.exit(1);
}

async function main(): Promise<void> {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        data: { type: 'string' },
        port: { type: 'string' },
        host: { type: 'string' },
        name: { type: 'string' },
        advertise: { type: 'string', multiple: true },
        'service-cidr': { type: 'string', multiple: true },
        controllers: { type: 'string' },
        kubeconfig: { type: 'string' },
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    fail(`${(error as Error).message.split('\n')[0]}\n\n${USAGE}`);
  }
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const port = Number(values.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65535) fail(`--port ${values.port}: a port is a whole number from 0 to 65535`);

  let server: ApiServer | undefined;
  let temporary: string | undefined;
  let stopping = false;
  const waiting: object[] = [];
  const attach = (handle: object): void => {
    server
      ?.attach(handle)
      .catch((error: unknown) => console.error(`kosmos-apiserver: the handle cannot be served: ${(error as Error).message}`));
  };
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await server?.stop();
    if (temporary) rmSync(temporary, { recursive: true, force: true });
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      void stop();
    });
  if (process.channel) {
    process.on('message', (message, handle) => {
      if ((message as { type?: unknown } | null)?.type !== 'listen' || !handle) return;
      if (server) attach(handle);
      else waiting.push(handle);
    });
  }
  try {
    server = await startApiServer({
      port,
      ...(values.data === undefined ? {} : { dataDir: resolve(values.data) }),
      ...(values.host === undefined ? {} : { host: values.host }),
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(values.advertise ? { advertise: values.advertise } : {}),
      ...(values.controllers === undefined ? {} : { controllers: values.controllers.split(',').filter(Boolean) }),
      ...(values['service-cidr'] ? { serviceCIDRs: values['service-cidr'] } : {}),
    });
  } catch (error) {
    fail(error instanceof ApiServerError ? error.message : `cannot start: ${(error as Error).message}`);
  }
  for (const handle of waiting) attach(handle);
  let file = values.kubeconfig;
  if (file === undefined) {
    if (values.data === undefined) temporary = mkdtempSync(join(tmpdir(), 'kosmos-apiserver-'));
    file = join(temporary ?? values.data!, 'kubeconfig');
  }
  file = resolve(file);
  try {
    // Renamed into place: whoever waits for the file reads all of it.
    writeFileSync(`${file}.new`, server.kubeconfig(), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    await server.stop();
    fail(`the kubeconfig cannot be written: ${(error as Error).message}`);
  }
  // The space for new objects stays at what a start took, 16 MiB: V8 would let it grow to 128 MiB under load and keep it, for no speed.
  setFlagsFromString('--semi-space-growth-factor=1');
  console.log(file);
  process.send?.({ type: 'ready', url: server.url });
}

await main();
