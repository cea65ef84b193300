import type { Step } from './side.ts';

export const MAPS = '/api/v1/namespaces/differ/configmaps';
export const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
export const MERGE = 'application/merge-patch+json';
export const SOME = 'labelSelector=list%3Dyes';

export const map = (name: string, labels?: object): Step => ({
  do: `create ${name}`,
  method: 'POST',
  path: MAPS,
  body: { metadata: { name, labels }, data: { a: '1' } },
});
