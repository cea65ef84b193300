/** @kosmos/plugin-clusters: members are joined to the kernel's `Clusters`; nothing else is offered to other plugins. */
export { Clusters } from '@kosmos/kernel';
