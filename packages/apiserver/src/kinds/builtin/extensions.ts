import type { JsonObject } from '../../schema/schema.ts';
import type { Strategy } from '../resource.ts';

const webhooks = (mutating: boolean): Strategy => ({
  defaults(object) {
    for (const w of (object['webhooks'] ?? []) as JsonObject[]) {
      w['failurePolicy'] ??= 'Fail';
      w['matchPolicy'] ??= 'Equivalent';
      w['namespaceSelector'] ??= {};
      w['objectSelector'] ??= {};
      w['timeoutSeconds'] ??= 10;
      if (mutating) w['reinvocationPolicy'] ??= 'Never';
      if (w['clientConfig']?.service) w['clientConfig'].service.port ??= 443;
      for (const rule of w['rules'] ?? []) rule.scope ??= '*';
    }
  },
});

export const mutatingWebhooks = webhooks(true);
export const validatingWebhooks = webhooks(false);

export const apiService: Strategy = {
  defaults(object) {
    const service: JsonObject | undefined = object['spec']?.service;
    if (service) service['port'] ??= 443;
  },
};

export const csiDriver: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    spec['attachRequired'] ??= true;
    spec['fsGroupPolicy'] ??= 'ReadWriteOnceWithFSType';
    spec['podInfoOnMount'] ??= false;
    spec['requiresRepublish'] ??= false;
    spec['seLinuxMount'] ??= false;
    spec['storageCapacity'] ??= false;
    spec['volumeLifecycleModes'] ??= ['Persistent'];
  },
};
