import { crdYaml } from '@kosmos/api';
import type { Command } from '@kosmos/kernel';

export const crds: Command = {
  path: ['crds'],
  summary: "Print the definitions of Kosmos' kinds",
  help: 'Example:\n  kosmos crds | kubectl apply --server-side -f -',
  async run({ stdout }) {
    stdout.write(crdYaml());
  },
};
