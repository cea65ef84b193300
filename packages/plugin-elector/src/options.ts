import { z } from 'zod';

const options = z.strictObject({
  /** Gateways kept ready in each cluster, those in use included: at least as many as the gateway plugin's `gateways`. */
  candidates: z.int().min(1).max(16).default(2),
});

export type ElectorInput = z.input<typeof options>;
export type ElectorOptions = z.output<typeof options>;
export const optionsSchema: typeof options = options;
