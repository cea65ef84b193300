/** @kosmos/api: the kinds of kosmos.io/v1alpha1. Schemas are the one source; types are derived, manifests printed. No logic but how fields are written and read. */
export * from './cluster.ts';
export * from './cluster-node.ts';
export * from './conditions.ts';
export * from './core.ts';
export * from './crd.ts';
export * from './kind.ts';
export * from './names.ts';
export * from './node-config.ts';
export type { Infer, JsonSchema, Schema } from './schema.ts';
