/** Configs as text, with small plugins. */

const IMPORTS = `import { bail, Commands, defineConfig, definePlugin, many, optional, part, token } from '@kosmos/kernel';
import * as z from 'zod';
const plugin = (name: string, setup: (ctx: any, options: any) => void = () => {}, more: any = {}) => definePlugin({
  name, version: '1.0.0', apiVersion: 1, kernel: '>=0.1.0', options: z.strictObject({ mtu: z.int().min(576).max(9000).optional() }),
  parts: { all: part<any>()({ requires: more.requires, provides: more.provides, setup }) }, ...more.spec,
})(more.options);
const throws = () => { throw new Error('boom'); };
`;

/** `plugins` and the rest of the config are TypeScript. */
export function config(plugins: string, rest = ''): string {
  return `${IMPORTS}export default defineConfig({ timeouts: { startMs: 300, stopMs: 300 }, plugins: [${plugins}], ${rest} });\n`;
}
