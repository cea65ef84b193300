/** CNIs that the inventory reads by itself; other plugins add theirs by `CniAdapters`. */
import { antrea } from './antrea.ts';
import { calico } from './calico.ts';
import { cilium } from './cilium.ts';
import { awsVpc, azure } from './cloud.ts';
import { kindnet, weave } from './daemonset.ts';
import { flannel } from './flannel.ts';
import { k3s, kubeRouter, ovn } from './nodes.ts';
import type { CniReader } from './reader.ts';

export const READERS: readonly CniReader[] = [calico, cilium, flannel, antrea, kindnet, k3s, ovn, kubeRouter, weave, awsVpc, azure];
