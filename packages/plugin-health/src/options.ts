import { z } from 'zod';

const options = z.strictObject({});

export type HealthInput = z.input<typeof options>;
export type HealthOptions = z.output<typeof options>;
export const optionsSchema: typeof options = options;
