/** Writes packages/api/manifests: `node -C @kosmos/source packages/api/tools/manifests.ts`. */
import { writeFileSync } from 'node:fs';
import { crdManifests, toYaml } from '../src/crd.ts';

for (const manifest of crdManifests()) {
  writeFileSync(new URL(`../manifests/${manifest.metadata.name}.yaml`, import.meta.url), toYaml(manifest));
}
