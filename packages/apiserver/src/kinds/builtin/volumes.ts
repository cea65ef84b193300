import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { quantityValue } from '../quantity.ts';
import { dnsLabel, dnsSubdomain } from '../names.ts';
import { checked, oneOf, selectorProblems, wanted } from './checks.ts';
import { fieldRefProblems, OF_VOLUMES, resourceRefProblems } from './env.ts';
import { noBacksteps, notReserved } from './mounts.ts';
import { claimSpecProblems } from './storage.ts';

/** Volume sources in Kubernetes' order, and the fields that each must have. */
const SOURCES: Record<string, string[]> = {
  emptyDir: [],
  hostPath: ['path'],
  gitRepo: ['repository'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  secret: ['secretName'],
  nfs: ['server', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  glusterfs: ['endpoints', 'path'],
  flocker: [],
  persistentVolumeClaim: ['claimName'],
  rbd: ['monitors', 'image'],
  cinder: ['volumeID'],
  cephfs: ['monitors'],
  quobyte: ['volume'],
  downwardAPI: [],
  fc: [],
  flexVolume: ['driver'],
  configMap: ['name'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  storageos: [],
  projected: [],
  scaleIO: ['gateway', 'system', 'volumeName'],
  csi: ['driver'],
  ephemeral: ['volumeClaimTemplate'],
  image: ['reference'],
};

const HOST_PATHS = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'];

const mode = (value: unknown, path: string): Cause[] =>
  typeof value === 'number' && (value < 0 || value > 0o777)
    ? [field.invalid(path, value, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];

function keyToPath(item: JsonObject, path: string): Cause[] {
  return [...wanted(item, path, 'key', 'path'), ...notReserved(item['path'] ?? '', `${path}.path`), ...mode(item['mode'], `${path}.mode`)];
}

/** Kubernetes tells of these files without saying which. */
function downwardFile(file: JsonObject, path: string): Cause[] {
  const causes = [...wanted(file, path, 'path'), ...notReserved(file['path'] ?? '', `${path}.path`)];
  if (file['fieldRef']) {
    causes.push(...fieldRefProblems(file['fieldRef'], OF_VOLUMES, `${path}.fieldRef`));
    if (file['resourceFieldRef'])
      causes.push(field.invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (file['resourceFieldRef']) causes.push(...resourceRefProblems(file['resourceFieldRef'], `${path}.resourceFieldRef`, true));
  else causes.push(field.required(path, 'one of fieldRef and resourceFieldRef is required'));
  return [...causes, ...mode(file['mode'], `${path}.mode`)];
}

/** What sources of volumes have that do not say it, in pods and in persistent volumes. */
export function sourceDefaults(v: JsonObject): void {
  const { hostPath, rbd, iscsi, azureDisk, scaleIO } = v;
  if (hostPath) hostPath.type ??= '';
  if (rbd) for (const [key, value] of Object.entries({ pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' })) rbd[key] ||= value;
  if (iscsi) iscsi.iscsiInterface ||= 'default';
  if (azureDisk)
    for (const [key, value] of Object.entries({ cachingMode: 'ReadWrite', fsType: 'ext4', readOnly: false, kind: 'Shared' }))
      azureDisk[key] ??= value;
  if (scaleIO) for (const [key, value] of Object.entries({ storageMode: 'ThinProvisioned', fsType: 'xfs' })) scaleIO[key] ||= value;
}

function projectedProblems(projected: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const paths = new Set<string>();
  const once = (of: string | undefined, said = of): void => {
    if (!of) return;
    if (paths.has(of)) causes.push(field.invalid(path, said ?? '', 'conflicting duplicate paths'));
    paths.add(of);
  };
  for (const [i, source] of (projected['sources'] ?? []).entries()) {
    const at = `${path}.sources[${i}]`;
    for (const key of ['secret', 'configMap']) {
      if (!source[key]) continue;
      causes.push(...wanted(source[key], `${at}.${key}`, 'name'));
      for (const [j, item] of (source[key].items ?? []).entries()) {
        causes.push(...keyToPath(item, `${at}.${key}.items[${j}]`));
        once(item.path, source[key].name);
      }
    }
    for (const file of source.downwardAPI?.items ?? []) {
      causes.push(...downwardFile(file, `${at}.downwardAPI`));
      once(file.path);
    }
    const token: JsonObject | undefined = source.serviceAccountToken;
    if (token) {
      if (token['expirationSeconds'] < 600)
        causes.push(
          field.invalid(
            `${at}.serviceAccountToken.expirationSeconds`,
            token['expirationSeconds'],
            'may not specify a duration less than 10 minutes',
          ),
        );
      if (token['expirationSeconds'] > 2 ** 32)
        causes.push(
          field.invalid(
            `${at}.serviceAccountToken.expirationSeconds`,
            token['expirationSeconds'],
            'may not specify a duration larger than 2^32 seconds',
          ),
        );
      causes.push(...wanted(token, path, 'path'), ...notReserved(token['path'] ?? '', `${path}.path`));
    }
    const trust: JsonObject | undefined = source.clusterTrustBundle;
    if (trust) {
      const below = `${at}.clusterTrustBundle`;
      if (trust['name'] !== undefined && trust['signerName'] !== undefined)
        causes.push(field.invalid(below, trust, 'only one of name and signerName may be used'));
      else if (trust['name'] === undefined && trust['signerName'] === undefined)
        causes.push(field.required(below, 'either name or signerName must be specified'));
      causes.push(
        ...selectorProblems(trust['labelSelector'], `${below}.labelSelector`),
        ...wanted(trust, below, 'path'),
        ...notReserved(trust['path'] ?? '', `${below}.path`),
      );
      once(trust['path']);
    }
    if (Object.keys(source).length > 1) causes.push(field.forbidden(at, 'may not specify more than 1 volume type per source'));
  }
  return causes;
}

/** Names of iSCSI nodes, by how they begin. */
const ISCSI: Record<string, RegExp> = {
  iqn: /iqn\.\d{4}-\d{2}\.([A-Za-z0-9-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[A-Fa-f0-9]{16}$/,
  naa: /^naa.[A-Fa-f0-9]{32}$/,
};

function iscsiName(name: string, path: string): Cause[] {
  const pattern = ISCSI[name.slice(0, 3)];
  if (!pattern) return [field.invalid(path, name, 'must be valid format starting with iqn, eui, or naa')];
  return pattern.test(name) ? [] : [field.invalid(path, name, 'must be valid format')];
}

const upTo255 = (value: unknown, path: string, why: string): Cause[] =>
  typeof value === 'number' && (value < 0 || value > 255) ? [field.invalid(path, value, why)] : [];

const PARTITION = 'must be between 1 and 255, inclusive';
const LUN = 'must be between 0 and 255, inclusive';

export const csiDriverName = (name: unknown, path: string): Cause[] => {
  if (!name) return [field.required(path)];
  const text = String(name);
  return [...(text.length > 63 ? [field.tooLong(path, 63)] : []), ...checked(text.toLowerCase(), path, dnsSubdomain)];
};

/** What is wrong with a source of a volume, of a pod's or of the cluster's. */
export function sourceProblems(source: string, of: JsonObject, path: string): Cause[] {
  const causes = [...wanted(of, path, ...(SOURCES[source] ?? [])), ...mode(of['defaultMode'], `${path}.defaultMode`)];
  switch (source) {
    case 'emptyDir':
      if (of['sizeLimit'] !== undefined && quantityValue(of['sizeLimit']) < 0)
        causes.push(field.forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity'));
      break;
    case 'hostPath':
      if (of['path']) causes.push(...noBacksteps(of['path'], `${path}.path`), ...oneOf(of['type'], `${path}.type`, HOST_PATHS));
      break;
    case 'nfs':
      if (!String(of['path'] ?? '').startsWith('/'))
        causes.push(field.invalid(`${path}.path`, of['path'] ?? '', 'must be an absolute path'));
      break;
    case 'secret':
    case 'configMap':
      for (const [i, item] of (of['items'] ?? []).entries()) causes.push(...keyToPath(item, `${path}.items[${i}]`));
      break;
    case 'downwardAPI':
      for (const file of of['items'] ?? []) causes.push(...downwardFile(file, path));
      break;
    case 'projected':
      causes.push(...projectedProblems(of, path));
      break;
    case 'gcePersistentDisk':
    case 'awsElasticBlockStore':
      causes.push(...upTo255(of['partition'], `${path}.partition`, PARTITION));
      break;
    case 'iscsi':
      if (of['iqn']) causes.push(...iscsiName(of['iqn'], `${path}.iqn`));
      causes.push(...upTo255(of['lun'], `${path}.lun`, LUN));
      if ((of['chapAuthDiscovery'] || of['chapAuthSession']) && !of['secretRef']) causes.push(field.required(`${path}.secretRef`));
      if (of['initiatorName'] !== undefined) causes.push(...iscsiName(of['initiatorName'], `${path}.initiatorname`));
      break;
    case 'azureDisk': {
      const [start, like] =
        of['kind'] === 'Managed'
          ? ['/subscriptions/', '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}']
          : ['https://', 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'];
      causes.push(
        ...oneOf(of['cachingMode'], `${path}.cachingMode`, ['None', 'ReadOnly', 'ReadWrite']),
        ...oneOf(of['kind'], `${path}.kind`, ['Dedicated', 'Managed', 'Shared']),
      );
      if (!String(of['diskURI'] ?? '').startsWith(start!)) causes.push(field.notSupported(`${path}.diskURI`, of['diskURI'] ?? '', [like]));
      break;
    }
    case 'flocker':
      if (!of['datasetName'] && !of['datasetUUID']) causes.push(field.required(path, 'one of datasetName and datasetUUID is required'));
      if (of['datasetName'] && of['datasetUUID'])
        causes.push(field.invalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
      if (of['datasetName']?.includes('/')) causes.push(field.invalid(`${path}.datasetName`, of['datasetName'], "must not contain '/'"));
      break;
    case 'cinder':
      if (of['secretRef'] && !of['secretRef'].name) causes.push(field.required(`${path}.secretRef.name`));
      break;
    case 'quobyte': {
      const pairs = 'must be a host:port pair or multiple pairs separated by commas';
      if (!of['registry']) causes.push(field.required(`${path}.registry`, pairs));
      else if ((of['tenant'] ?? '').length >= 65)
        causes.push(field.required(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'));
      else
        for (const pair of String(of['registry']).split(','))
          if (!/^([^:[\]]*|\[[^\]]*\]):[^:]*$/.test(pair)) causes.push(field.invalid(`${path}.registry`, of['registry'], pairs));
      break;
    }
    case 'fc':
      if (!of['targetWWNs']?.length && !of['wwids']?.length)
        causes.push(field.required(`${path}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both'));
      if (of['targetWWNs']?.length && of['wwids']?.length)
        causes.push(field.invalid(`${path}.targetWWNs`, of['targetWWNs'], 'targetWWNs and wwids can not be specified simultaneously'));
      if (of['targetWWNs']?.length) {
        if (of['lun'] === undefined) causes.push(field.required(`${path}.lun`, 'lun is required if targetWWNs is specified'));
        else causes.push(...upTo255(of['lun'], `${path}.lun`, LUN));
      }
      break;
    case 'ephemeral':
      if (of['volumeClaimTemplate'])
        causes.push(...claimSpecProblems(of['volumeClaimTemplate'].spec ?? {}, `${path}.volumeClaimTemplate.spec`));
      break;
  }
  return causes;
}

/** What is wrong with the volumes of a pod; `good` gets those that are right. */
export function volumeProblems(volumes: JsonObject[] | undefined, path: string, good: Map<string, JsonObject>): Cause[] {
  const causes: Cause[] = [];
  for (const [i, v] of (volumes ?? []).entries()) {
    const at = `${path}[${i}]`;
    const sources = Object.keys(SOURCES).filter((s) => v[s] !== undefined);
    const found = sources.slice(0, 1).flatMap((s) => sourceProblems(s, v[s], `${at}.${s === 'gcePersistentDisk' ? 'persistentDisk' : s}`));
    for (const more of sources.slice(1)) found.push(field.forbidden(`${at}.${more}`, 'may not specify more than 1 volume type'));
    if (!sources.length) found.push(field.required(at, 'must specify a volume type'));
    if (!v['name']) found.push(field.required(`${at}.name`));
    else found.push(...checked(v['name'], `${at}.name`, dnsLabel));
    if (good.has(v['name'])) found.push(field.duplicate(`${at}.name`, v['name']));
    if (!found.length) good.set(v['name'], v);
    causes.push(...found);
  }
  return causes;
}
