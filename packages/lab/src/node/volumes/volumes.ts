import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { quantityValue } from '@kosmos/apiserver/quantity';
import { toolEnv } from '../../isolate.ts';
import type { Container, Pod, Volume } from '../../kube.ts';
import { expand } from '../env.ts';
import type { PodPlace } from '../fields.ts';
import { clearMemory } from '../memory.ts';
import type { Mount } from '../root/build.ts';
import type { Sources } from '../sources.ts';
import { hostPath } from './host-path.ts';
import { writePayload } from './payload.ts';
import { projectedFiles } from './projected.ts';
import { subPathOf } from './sub-path.ts';
import type { PodTokens } from './tokens.ts';

const run = promisify(execFile);

/** A volume cannot be had now; it is tried again. */
export class VolumeError extends Error {
  constructor(volume: string, cause: Error) {
    super(`MountVolume.SetUp failed for volume "${volume}" : ${cause.message}`, { cause });
  }
}

/** The volumes of one pod, as directories of this machine that its containers get mounted. */
export class PodVolumes {
  /** On the machine's disk, and in the lab's memory, where secrets belong. */
  readonly #disk: string;
  readonly #memory: string;
  readonly #sources: Sources;
  readonly #tokens: PodTokens;
  /** Directories by the names of volumes. */
  readonly #dirs = new Map<string, string>();

  constructor(o: { readonly disk: string; readonly memory: string; readonly sources: Sources; readonly tokens: PodTokens }) {
    this.#disk = o.disk;
    this.#memory = o.memory;
    this.#sources = o.sources;
    this.#tokens = o.tokens;
  }

  /** Makes every volume that is not there yet, and brings those up to date whose content is the API server's. Throws VolumeError. */
  async setUp(pod: Pod, place: PodPlace): Promise<void> {
    for (const volume of pod.spec.volumes ?? []) {
      try {
        this.#dirs.set(volume.name, await this.#dirOf(volume, pod, place));
      } catch (error) {
        throw new VolumeError(volume.name, error as Error);
      }
    }
  }

  /** What a container gets mounted. Throws for a volume or a subPath that cannot be. */
  mountsOf(container: Container, env: Readonly<Record<string, string>>): Mount[] {
    const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly = false, subPath, subPathExpr }) => {
      const dir = this.#dirs.get(name);
      if (dir === undefined) throw new Error(`there is no volume '${name}'`);
      const inner = subPath ?? (subPathExpr && expand(subPathExpr, env));
      return { source: inner ? subPathOf(dir, inner) : dir, target: join('/', mountPath), readOnly };
    });
    // What is mounted below another comes after it.
    return mounts.sort((a, b) => a.target.split('/').length - b.target.split('/').length);
  }

  /** Removes all that was made for the pod; what is its own elsewhere stays. */
  async remove(): Promise<void> {
    await clearMemory(this.#memory);
    rmSync(this.#disk, { recursive: true, force: true });
  }

  async #dirOf(volume: Volume, pod: Pod, place: PodPlace): Promise<string> {
    const { name } = volume;
    const namespace = pod.metadata.namespace ?? 'default';
    const sources = {
      place,
      configMap: (wanted: string) => this.#sources.configMap(namespace, wanted),
      secret: (wanted: string) => this.#sources.secret(namespace, wanted),
      token: (source: Parameters<PodTokens['token']>[1]) => this.#tokens.token(pod, source),
    };
    const files = await projectedFiles(volume, pod, sources);
    if (files) {
      const dir = join(this.#memory, name);
      writePayload(dir, files);
      return dir;
    }
    const known = this.#dirs.get(name);
    if (known !== undefined) return known;
    if (volume.emptyDir) return volume.emptyDir.medium === 'Memory' ? this.#tmpfs(name, volume.emptyDir.sizeLimit) : this.#emptyDir(name);
    if (volume.hostPath) return hostPath(volume.hostPath);
    if (volume.persistentVolumeClaim) return this.#claimed(namespace, volume.persistentVolumeClaim.claimName);
    // The claim of an ephemeral volume is made by a controller, under this name.
    if (volume.ephemeral) return this.#claimed(namespace, `${pod.metadata.name}-${name}`);
    throw new Error(`the lab has no volumes of the kind ${Object.keys(volume).find((key) => key !== 'name') ?? '(none)'}`);
  }

  #emptyDir(name: string): string {
    const dir = join(this.#disk, name);
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, 0o777);
    return dir;
  }

  async #tmpfs(name: string, sizeLimit: string | number | undefined): Promise<string> {
    const dir = join(this.#memory, `tmpfs.${name}`);
    if (existsSync(dir)) return dir; // by an earlier kubelet
    mkdirSync(dir, { recursive: true });
    const size = sizeLimit === undefined ? '' : `,size=${Math.ceil(quantityValue(sizeLimit))}`;
    await run('mount', ['-t', 'tmpfs', '-o', `mode=777${size}`, 'tmpfs', dir], { env: toolEnv() });
    return dir;
  }

  async #claimed(namespace: string, claimName: string): Promise<string> {
    const claim = await this.#sources.claim(namespace, claimName);
    if (!claim) throw new Error(`persistentvolumeclaim "${claimName}" not found`);
    const { volumeName } = claim.spec;
    if (!volumeName || claim.status?.phase !== 'Bound') throw new Error(`persistentvolumeclaim "${claimName}" is not bound`);
    const volume = await this.#sources.persistentVolume(volumeName);
    if (!volume) throw new Error(`persistentvolume "${volumeName}" not found`);
    const { hostPath: path, local } = volume.spec;
    if (path) return hostPath(path);
    if (local) return hostPath({ path: local.path });
    throw new Error(`persistentvolume "${volumeName}" has neither hostPath nor local, which are what the lab mounts`);
  }
}
