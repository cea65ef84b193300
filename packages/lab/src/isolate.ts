import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KosmosErrors } from '@kosmos/kernel';
import { labError } from './errors.ts';
import type { ProcessId } from './state.ts';

/**
 * A lab runs in mount, network and pid namespaces of its own, and for a user who is not root in a user namespace too. Its
 * named network namespaces live in a /run of its own. So it is the kernel that leaves nothing behind: when the lab's
 * first process ends, by whatever, every process, link and namespace of the lab goes with it.
 */
const TOOLS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
  pivot_root: 'util-linux',
};

/** A user's PATH often lacks the folders where ip and nft are. */
export const toolEnv = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({
  ...env,
  PATH: [env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter),
});

const FLAGS = ['--net', '--mount', '--pid', '--fork', '--kill-child'];
const USER_FLAGS = ['--user', '--map-root-user'];

/** Finds how this user may make a lab's namespaces; throws what is missing, all of it. */
export async function probe(): Promise<{ readonly userNamespace: boolean }> {
  const missing = Object.entries(TOOLS).filter(([tool]) => !onPath(tool));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, p]) => p))].join(' ');
    throw new KosmosErrors(
      missing.map(([tool]) =>
        labError('KOSMOS_E_LAB_SYSTEM', `a lab needs the program '${tool}', which is not on the PATH`, {
          hint: `apt-get install ${packages}`,
        }),
      ),
    );
  }
  const root = process.getuid?.() === 0;
  const attempts = root ? [false, true] : [true];
  let refusal = '';
  for (const userNamespace of attempts) {
    refusal = await tryNamespaces(userNamespace);
    if (refusal === '') return { userNamespace };
  }
  throw labError(
    'KOSMOS_E_LAB_SYSTEM',
    `this system does not let ${root ? 'this process' : 'this user'} make the namespaces of a lab: ${refusal}`,
    {
      hint: root
        ? 'give it CAP_SYS_ADMIN (docker run --privileged)'
        : 'run it as root, or allow user namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns',
    },
  );
}

function onPath(tool: string): boolean {
  return (toolEnv().PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** One of each that a lab and its pods need; `$0` are further options of the overlay. */
const PROBE = [
  'mount -t tmpfs tmpfs /run',
  'mount -t proc proc /proc',
  'mkdir /run/netns /run/lower /run/upper /run/work /run/root',
  'ip netns add probe',
  'ip link add dummy type bridge',
  'mount -t overlay -o lowerdir=/run/lower,upperdir=/run/upper,workdir=/run/work$0 overlay /run/root',
].join(' && ');

/** What was refused; '' is nothing. */
function tryNamespaces(userNamespace: boolean): Promise<string> {
  const args = [...(userNamespace ? USER_FLAGS : []), ...FLAGS, 'sh', '-c', PROBE, userNamespace ? ',userxattr' : ''];
  return new Promise((resolve) => {
    execFile('unshare', args, { env: toolEnv(), timeout: 10_000 }, (error, _stdout, stderr) =>
      resolve(error ? stderr.trim().split('\n').at(-1) || error.message : ''),
    );
  });
}

/**
 * The first process of a lab. It notes its pid as the outside sees it (`read` is the shell's own: `self` is this process;
 * `$$` would be 1), and waits for whatever its descendants leave as
 * orphans, which Node does not. Arguments: the file for the stat line, then the command.
 */
const INIT = `
read -r stat < /proc/self/stat && printf '%s\\n' "$stat" > "$1" || exit 1
shift
mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && mount -t proc proc /proc || exit 1
ip link set lo up
"$@" &
trap 'kill -TERM $!' TERM INT HUP
while kill -0 $! 2>/dev/null; do wait $!; done
`;

/** The argument vector that runs `command` as a lab's supervisor. */
export function isolated(userNamespace: boolean, initStat: string, command: readonly string[]): string[] {
  return ['unshare', ...(userNamespace ? USER_FLAGS : []), ...FLAGS, 'sh', '-c', INIT, 'lab', initStat, ...command];
}

/** The argument vector that runs `command` inside a lab, in a network namespace of it. */
export function entering(init: ProcessId, userNamespace: boolean, netns: string, command: readonly string[]): string[] {
  return [
    'nsenter',
    `--target=${init.pid}`,
    ...(userNamespace ? ['--user', '--preserve-credentials'] : []),
    '--mount',
    '--pid',
    '--',
    ...inNetns(netns, command),
  ];
}

/** From within a lab. `ip netns exec` would make a mount namespace too, in which new namespaces stay unseen by others. */
export function inNetns(netns: string, command: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${netns}`, '--', ...command];
}

/** The argument vector that runs a module of this package, given by its path without extension: as TypeScript in a checkout, compiled else. */
export function nodeCommand(module: string, ...args: string[]): string[] {
  const extension = extname(fileURLToPath(import.meta.url));
  const flags = extension === '.ts' ? ['--conditions=@kosmos/source', '--disable-warning=ExperimentalWarning'] : [];
  return [process.execPath, ...flags, fileURLToPath(new URL(`${module}${extension}`, import.meta.url)), ...args];
}

/** Names of the lab's network namespaces. Names of clusters, nodes and routers hold no dot. */
export const netnsOf = {
  net: 'net',
  router: (router: string) => `router-${router}`,
  controlPlane: (cluster: string) => `${cluster}.cp`,
  node: (cluster: string, node: string) => `${cluster}.${node}`,
  pod: (cluster: string, node: string, uid: string) => `${cluster}.${node}.${uid.slice(0, 8)}`,
};

/** The pod bridge's name in every node, as the CNI plugin `bridge` calls it. */
export const POD_BRIDGE = 'cni0';
