/** @kosmos/plugin-clusters: members are joined to the kernel's `Clusters`; commands of other plugins reach them by `memberClient`. */
export { Clusters } from '@kosmos/kernel';
export { memberClient } from './member.ts';
