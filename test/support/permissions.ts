/** A right of the service account. */
export interface Permission {
  /** As `kubectl auth can-i --list` names it. */
  readonly resource: string;
  readonly verbs: readonly string[];
  /** Whether it holds in the release's namespace only. */
  readonly scope: 'namespace' | 'cluster';
}

interface Rule {
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
}

interface RoleObject {
  readonly kind: string;
  readonly rules?: readonly Rule[];
}

const ROW = /^\| `([a-z./]+)` \| ((?:`[a-z]+`(?:, )?)+) \| the (release’s namespace|whole cluster) \|/gm;

/** The table of permissions in docs/security.md: rows `| resource | verbs | where | what for |`. Pure. */
export function documentedPermissions(markdown: string): Permission[] {
  return [...markdown.matchAll(ROW)].map(([, resource = '', verbs = '', where]) => ({
    resource,
    verbs: [...verbs.matchAll(/`([a-z]+)`/g)].map(([, verb = '']) => verb),
    scope: where === 'whole cluster' ? 'cluster' : 'namespace',
  }));
}

const DEFAULT_NAMESPACE = 'the namespace `default`';

/** The table of what the control plane adds, in the same document: its rows are about the namespace `default`. Pure. */
export function documentedControlPlanePermissions(markdown: string): Permission[] {
  const rows = markdown.split('\n').filter((row) => row.includes(`| ${DEFAULT_NAMESPACE} |`));
  return documentedPermissions(rows.join('\n').replaceAll(DEFAULT_NAMESPACE, 'the release’s namespace'));
}

/** The table of what pools add, in the same document: its rows begin with the account, `| sidecar |` or `| controller |`. Pure. */
export function documentedPoolPermissions(markdown: string): Permission[] {
  const rows = [...markdown.matchAll(/^\| (?:sidecar|controller) (\| `.*)$/gm)].map(([, row]) => row);
  return documentedPermissions(rows.join('\n'));
}

/** The table of what an ingress of the control plane adds, in the same document. Pure. */
export function documentedIngressPermissions(markdown: string): Permission[] {
  const rows = [...markdown.matchAll(/^\| controller, for the ingress (\| `.*)$/gm)].map(([, row]) => row);
  return documentedPermissions(rows.join('\n'));
}

/** The table of what Services add, in the same document: for the controller, and for the Job that takes back what they have. Pure. */
export function documentedServicePermissions(markdown: string): Permission[] {
  const rows = [...markdown.matchAll(/^\| (?:controller, for Services|release Job) (\| `.*)$/gm)].map(([, row]) => row);
  return documentedPermissions(rows.join('\n'));
}

/** What the roles among these objects of Kubernetes grant. Pure. */
export function grantedPermissions(objects: readonly RoleObject[]): Permission[] {
  return objects
    .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')
    .flatMap(({ kind, rules = [] }) =>
      rules.flatMap(({ resources = [], verbs }) =>
        resources.map((resource) => ({ resource, verbs, scope: kind === 'Role' ? 'namespace' : 'cluster' }) as const),
      ),
    );
}
