import { z } from 'zod';

/** Options of `vxlan({...})`. */
export const optionsSchema = z.strictObject({
  /**
   * MTU of the tunnel devices in bytes, 576 to 65485. Default: the underlay interface's MTU less the tunnel's overhead (50
   * bytes over IPv4, 70 over IPv6). Set it where the underlay carries less than its interfaces say.
   */
  mtu: z.int().min(576).max(65485).optional(),
  /**
   * Put rules of ours into nft chains of other software that drop forwarded packets. Default: off; the NodeConfig's condition
   * `ForwardOpen` names such chains. Filter tables of iptables are opened in any case.
   */
  foreignChains: z.boolean().default(false),
});
export type VxlanOptions = z.output<typeof optionsSchema>;
export type VxlanInput = z.input<typeof optionsSchema>;
