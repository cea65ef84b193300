import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Pod } from '../kube.ts';
import type { PodPlace } from './fields.ts';
import { clearMemory, memoryOf } from './memory.ts';
import type { PodServices } from './pod-context.ts';
import type { PodRecord } from './record.ts';
import { PodTokens } from './volumes/tokens.ts';
import { PodVolumes, VolumeError } from './volumes/volumes.ts';

/** What a pod's containers share: the network, the volumes, and a directory in memory. */
export class PodSandbox {
  /** Roots of containers, volumes with secrets, exit codes. */
  readonly memory: string;
  readonly volumes: PodVolumes;
  readonly #services: PodServices;
  readonly #tokens: PodTokens;
  #hasNetwork: boolean;
  #hasVolumes = false;

  /** `hasNetwork`: an earlier kubelet made it. */
  constructor(services: PodServices, uid: string, hasNetwork: boolean) {
    const { config, client, sources } = services;
    this.#services = services;
    this.memory = join(memoryOf(config.cluster, config.node), uid);
    this.#tokens = new PodTokens(client);
    const disk = join(dirname(config.pods), 'volumes', uid);
    this.volumes = new PodVolumes({ disk, memory: join(this.memory, 'volumes'), sources, tokens: this.#tokens });
    this.#hasNetwork = hasNetwork;
  }

  get hasNetwork(): boolean {
    return this.#hasNetwork;
  }

  get isReady(): boolean {
    return this.#hasNetwork && this.#hasVolumes;
  }

  /** When a token of the volumes is to be renewed, milliseconds since 1970. */
  get due(): number | undefined {
    return this.#tokens.due;
  }

  /** Makes what is not there, and brings volumes up to date. What is wrong with one, while it cannot be had. */
  async setUp(pod: Pod, record: PodRecord, place: PodPlace): Promise<VolumeError | undefined> {
    mkdirSync(this.memory, { recursive: true, mode: 0o755 });
    if (!this.#hasNetwork && !record.hostNetwork) await this.#services.network.add(record.netns, record.ip);
    this.#hasNetwork = true;
    try {
      await this.volumes.setUp(pod, place);
      this.#hasVolumes = true;
      return undefined;
    } catch (error) {
      if (error instanceof VolumeError) return error;
      throw error;
    }
  }

  /** Gives back what only runs need: of a pod that has ended, logs and exit codes stay. */
  async release(record: PodRecord): Promise<void> {
    if (!record.hostNetwork) await this.#services.network.remove(record.netns, record.ip);
    await this.volumes.remove();
    rmSync(join(this.memory, 'roots'), { recursive: true, force: true });
  }

  /** Removes all of it. */
  async remove(record: PodRecord): Promise<void> {
    if (!record.over) await this.release(record);
    await clearMemory(this.memory);
  }
}
