import { parseCorefile, printCorefile, type Directive } from './corefile.ts';

/** CoreDNS in a pod finds its API server by its service account; beside the control plane it is told by a kubeconfig. */
export function withKubeconfig(corefile: string, kubeconfig: string): string {
  const tell = (plugin: Directive): Directive =>
    plugin.words[0] === 'kubernetes' && !plugin.block.some((o) => o.words[0] === 'kubeconfig')
      ? { ...plugin, block: [...plugin.block, { words: ['kubeconfig', kubeconfig], block: [], line: plugin.line }] }
      : plugin;
  return printCorefile(parseCorefile(corefile).map((block) => ({ ...block, plugins: block.plugins.map(tell) })));
}
