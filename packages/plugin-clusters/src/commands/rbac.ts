import { KosmosError, type Command, type Right, type Rights, type Role, type Verb } from '@kosmos/kernel';
import { NamespaceKind, SYSTEM_NAMESPACE, clusterNodeName } from '@kosmos/api';
import { stringify } from 'yaml';

const GROUP = 'rbac.authorization.k8s.io';
const VERBS: readonly Verb[] = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];
const ACCOUNTS = ['manager', 'member', 'agent'] as const;

/** `kosmos rbac`: service accounts with the rights that the plugins of the config say they need, and no others. */
export const rbac = (rights: Rights): Command => ({
  path: ['rbac'],
  summary: 'Print service accounts with the rights that the manager and agents need, for kubectl apply',
  help: [
    'Examples:',
    '  kosmos rbac manager | kubectl apply -f -                        # in the host cluster',
    '  kosmos rbac member | kubectl --context member1 apply -f -       # in each member: what the manager may do there',
    '  kosmos rbac agent --cluster member1 --node n1 n2 | kubectl apply -f -   # in the host cluster',
  ].join('\n'),
  arguments: [{ name: '<account>', description: `whose rights: ${ACCOUNTS.join(', ')}` }],
  options: [
    { flags: '--cluster <name>', description: 'of agents: the cluster of their nodes', default: 'host' },
    { flags: '--node <names...>', description: 'of agents: their nodes, one account each' },
  ],
  async run({ args, options, stdout }) {
    const [account = ''] = args;
    const { cluster, node } = options as { readonly cluster: string; readonly node?: readonly string[] };
    if (!(ACCOUNTS as readonly string[]).includes(account))
      throw argument(`'${account}' is no account.`, `Name one of: ${ACCOUNTS.join(', ')}.`);
    if ((account === 'agent') !== (node !== undefined))
      throw argument(
        account === 'agent' ? 'No node is named.' : '--node is for agents.',
        'The rights of an agent are those of its node: kosmos rbac agent --cluster NAME --node NODE.',
      );
    const role: Role = account === 'agent' ? 'agent' : 'manager';
    const objects = (node ?? [undefined]).flatMap((name) => {
      const of = rights.of({ role, cluster, ...(name !== undefined && { node: name }) });
      const own = of.filter(({ on }) => on === (account === 'member' ? 'members' : 'host'));
      return accountOf(name === undefined ? `kosmos-${account}` : `kosmos-agent-${clusterNodeName(cluster, name)}`, own);
    });
    const namespace = { apiVersion: 'v1', kind: NamespaceKind.kind, metadata: { name: SYSTEM_NAMESPACE } };
    stdout.write([namespace, ...objects].map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 })).join('---\n'));
  },
});

const argument = (message: string, hint: string) => new KosmosError('KOSMOS_E_ARGUMENT', message, { where: 'kosmos rbac', hint });

/** The account, and what it may do: cluster-wide, and in each namespace. */
function accountOf(name: string, rights: readonly Right[]): object[] {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: SYSTEM_NAMESPACE } };
  const subjects = [{ kind: 'ServiceAccount', name, namespace: SYSTEM_NAMESPACE }];
  const roles = [...Map.groupBy(rights, ({ namespace }) => namespace)].flatMap(([namespace, own]) => {
    const [kind, metadata] = namespace === undefined ? ['ClusterRole', { name }] : ['Role', { name, namespace }];
    return [
      { apiVersion: `${GROUP}/v1`, kind, metadata, rules: rulesOf(own) },
      { apiVersion: `${GROUP}/v1`, kind: `${kind}Binding`, metadata, roleRef: { apiGroup: GROUP, kind, name }, subjects },
    ];
  });
  return [account, ...roles];
}

/** What several parts need of the same objects is one rule. */
function rulesOf(rights: readonly Right[]): object[] {
  const resourceOf = ({ kind, subresource }: Right) => (subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`);
  const same = Map.groupBy(rights, (right) => JSON.stringify([right.kind.group, resourceOf(right), right.names]));
  return [...same.values()].map((all) => {
    const [first] = all as [Right, ...Right[]];
    const wanted = new Set(all.flatMap(({ verbs }) => verbs));
    return {
      apiGroups: [first.kind.group],
      resources: [resourceOf(first)],
      ...(first.names && { resourceNames: first.names }),
      verbs: VERBS.filter((verb) => wanted.has(verb)),
    };
  });
}
