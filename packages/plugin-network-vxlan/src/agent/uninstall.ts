import type { CallOptions, HostNet } from '@kosmos/hostnet';
import { kernelState, type Outcome } from './kernel-state.ts';

/** Takes all that Kosmos made from this network namespace and puts sysctls back. Does nothing where Kosmos has not been. */
export function removeAll(net: HostNet, options: CallOptions = {}): Promise<Outcome> {
  return kernelState(net).hold({ node: '', devices: [], routes: [], fdbs: [], arps: [], nat: [] }, {}, options.signal);
}
