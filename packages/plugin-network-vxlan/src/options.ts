import { z } from 'zod';

/** Options of `vxlan({...})`. */
export const optionsSchema = z.strictObject({
  /**
   * MTU of the tunnel devices in bytes, 576 to 65485. Default: the underlay interface's MTU less the tunnel's overhead (50
   * bytes over IPv4, 70 over IPv6). Set it where the underlay carries less than its interfaces say.
   */
  mtu: z.int().min(576).max(65485).optional(),
});
export type VxlanOptions = z.output<typeof optionsSchema>;
export type VxlanInput = z.input<typeof optionsSchema>;
