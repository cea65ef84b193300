import type { ConfigMap, DownwardItem, ObjectSource, Pod, ProjectedSource, Secret, TokenSource, Volume } from '../../kube.ts';
import { fieldValue, resourceValue, type PodPlace } from '../fields.ts';
import type { PayloadFile } from './payload.ts';

/** What files are made of. A getter gives undefined for an object that is not there. */
export interface FileSources {
  readonly place: PodPlace;
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  token(source: TokenSource): Promise<string>;
}

const MODE = 0o644;

/** The files of a volume whose content is the API server's; undefined for a volume of another kind. Throws for what is not there. */
export async function projectedFiles(volume: Volume, pod: Pod, sources: FileSources): Promise<PayloadFile[] | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap) return filesOf({ configMap }, configMap.defaultMode ?? MODE, pod, sources);
  if (secret) return filesOf({ secret: { ...secret, name: secret.secretName ?? '' } }, secret.defaultMode ?? MODE, pod, sources);
  if (downwardAPI) return filesOf({ downwardAPI }, downwardAPI.defaultMode ?? MODE, pod, sources);
  if (!projected) return undefined;
  const files: PayloadFile[] = [];
  for (const source of projected.sources ?? []) files.push(...(await filesOf(source, projected.defaultMode ?? MODE, pod, sources)));
  // Where two sources have a file of the same path, the later wins.
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

async function filesOf(source: ProjectedSource, mode: number, pod: Pod, sources: FileSources): Promise<PayloadFile[]> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap) {
    const object = await sources.configMap(configMap.name ?? '');
    const data = { ...bytes(object?.data, 'utf8'), ...bytes(object?.binaryData, 'base64') };
    return keys(`configmap "${configMap.name}"`, object && data, configMap, mode);
  }
  if (secret) {
    const object = await sources.secret(secret.name ?? '');
    return keys(`secret "${secret.name}"`, object && bytes(object.data, 'base64'), secret, mode);
  }
  if (serviceAccountToken) return [{ path: serviceAccountToken.path, data: Buffer.from(await sources.token(serviceAccountToken)), mode }];
  return (downwardAPI?.items ?? []).map((item) => ({
    path: item.path,
    data: Buffer.from(valueOf(item, pod, sources.place)),
    mode: item.mode ?? mode,
  }));
}

const bytes = (data: Readonly<Record<string, string>> | undefined, encoding: BufferEncoding): Record<string, Buffer> =>
  Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, encoding)]));

function keys(what: string, data: Readonly<Record<string, Buffer>> | undefined, source: ObjectSource, mode: number): PayloadFile[] {
  if (!data) {
    if (source.optional) return [];
    throw new Error(`${what} not found`);
  }
  if (!source.items) return Object.entries(data).map(([path, value]) => ({ path, data: value, mode }));
  return source.items.flatMap((item) => {
    const value = data[item.key];
    if (value) return [{ path: item.path, data: value, mode: item.mode ?? mode }];
    if (source.optional) return [];
    throw new Error(`${what} references non-existent key: ${item.key}`);
  });
}

function valueOf({ fieldRef, resourceFieldRef }: DownwardItem, pod: Pod, place: PodPlace): string {
  if (fieldRef) return fieldValue(pod, fieldRef, place);
  return resourceFieldRef ? resourceValue(pod, undefined, resourceFieldRef, place) : '';
}
