import { TAKE_PATH } from './env.ts';

/**
 * What stands between the kubelet and a container: makes the root the container's, runs its command, and writes down how it ended,
 * whoever is there to read it. A shell, since it stays as long as the container does and takes less than a megabyte.
 *
 * Arguments: the root and its fstab, the file for the end, the host name, the working directory; then the command. It writes one line:
 * the exit code, or 128 and why it could not be started. On descriptor 3 it says that the command runs, and in which
 * mount namespace.
 * Its variables have names that no container's environment has.
 * It outlives the signals that end the container. What the shell itself would say of the command's end is not the container's.
 * What the command left running is in its mount namespace, and ended last: by the shim, since the kernel gives the number of a
 * namespace that is gone to the next one, perhaps of a container that starts just then.
 */
export const SHIM = `
lab_root=$1 lab_fstab=$2 lab_end=$3 lab_name=$4 lab_cwd=$5
shift 5
exec 9>"$lab_end" 8>&2
refuse() { printf '128 %s\\n' "$*" >&9; exit 128; }
lab_said=$(mount --all --fstab "$lab_fstab" 2>&1) || refuse "$lab_said"
cd "$lab_root" && pivot_root . . && umount -l . || refuse "the root file system cannot be entered"
hostname "$lab_name" 2>/dev/null
cd "$lab_cwd" 2>/dev/null || { mkdir -p "$lab_cwd" && cd "$lab_cwd"; } || refuse "no such working directory: $lab_cwd"
lab_namespace=$(readlink /proc/self/ns/mnt)
${TAKE_PATH}
command -v -- "$1" >/dev/null 2>&1 || refuse "exec: \\"$1\\": executable file not found in \\$PATH"
trap : HUP INT QUIT USR1 USR2 PIPE ALRM TERM
exec 2>/dev/null
printf '%s\\n' "$lab_namespace" >&3
exec 3>&-
(exec 2>&8 8>&- 9>&-; exec "$@")
printf '%s\\n' $? >&9
for lab_process in /proc/[0-9]*; do
  [ "$lab_process" != /proc/$$ ] && [ "$lab_process/ns/mnt" -ef /proc/$$/ns/mnt ] && kill -KILL "\${lab_process#/proc/}"
done
`;

/** `unshare` and the shim, for a command. */
export function inRoot(
  at: { readonly root: string; readonly fstab: string; readonly end: string; readonly hostname: string; readonly cwd: string },
  command: readonly string[],
): string[] {
  return [
    'unshare',
    '--mount',
    '--uts',
    '--propagation=private',
    '--',
    'sh',
    '-c',
    SHIM,
    'shim',
    at.root,
    at.fstab,
    at.end,
    at.hostname,
    at.cwd,
    ...command,
  ];
}
