import { CHART, RELEASE_NAMESPACE as NAMESPACE, RELEASE_NAME as RELEASE } from '../lab/chart.ts';
import { waitFor } from '../lab/wait.ts';
import type { Helm, Site } from './site.ts';

export { CHART, RELEASE_NAME as RELEASE, RELEASE_NAMESPACE as NAMESPACE } from '../lab/chart.ts';

/** What an installation takes. */
export interface InstallOptions {
  readonly chart?: string;
  readonly release?: string;
  readonly namespace?: string;
  /** `key=value`, as for `--set`. */
  readonly set?: readonly string[];
  readonly valuesFiles?: readonly string[];
  /** Further arguments of helm. */
  readonly args?: readonly string[];
  readonly helm?: Helm;
}

const GONE_LIMIT_MS = 90_000;
const HOLDER_LIMIT_MS = 60_000;

function valueArguments(site: Site, { set = [], valuesFiles = [] }: InstallOptions): string[] {
  return [
    ...[...site.description.valuesFiles, ...valuesFiles].flatMap((file) => ['-f', file]),
    ...set.flatMap((assignment) => ['--set', assignment]),
  ];
}

/** `helm install` with the site's address, as a user types it. Gives what helm printed (the notes). */
export async function helmInstall(site: Site, options: InstallOptions = {}): Promise<string> {
  const { chart = CHART, release = RELEASE, namespace = NAMESPACE, helm = site.helm, args = [] } = options;
  const address = options.set?.some((assignment) => assignment.startsWith('keepalived.vipAddress'))
    ? []
    : ['--set', `keepalived.vipAddressCidr=${site.description.vip}`];
  return helm([
    ...['install', release, chart, '-n', namespace, '--create-namespace', ...address],
    ...valueArguments(site, options),
    ...args,
  ]);
}

/** `helm upgrade` that keeps the values of before. */
export async function helmUpgrade(site: Site, options: InstallOptions = {}): Promise<string> {
  const { chart = CHART, release = RELEASE, namespace = NAMESPACE, helm = site.helm, args = [] } = options;
  return helm([
    ...['upgrade', release, chart, '-n', namespace, '--reuse-values', ...valueArguments(site, options)],
    ...args,
  ]);
}

/** `helm uninstall`, until the pods are gone; nothing when there is no such release. */
export async function helmUninstall(site: Site, options: InstallOptions = {}): Promise<void> {
  const { release = RELEASE, namespace = NAMESPACE, helm = site.helm } = options;
  await helm(['uninstall', release, '-n', namespace, '--ignore-not-found', '--wait', '--timeout', '90s']);
  await waitFor(
    `the pods of ${release} to end`,
    async () =>
      (await site.kubectl([
        'get',
        'pods',
        '-n',
        namespace,
        '-l',
        `app.kubernetes.io/instance=${release}`,
        '-o',
        'name',
      ])) === '',
    { limitMs: GONE_LIMIT_MS, everyMs: 200 },
  );
}

/** Waits until exactly one node holds the address, and gives its name. */
export async function waitForHolder(site: Site, address?: string, limitMs: number = HOLDER_LIMIT_MS): Promise<string> {
  let seen: string[] = [];
  return waitFor(
    `exactly one holder of ${address ?? site.address}`,
    async () => {
      seen = await site.holders(address);
      return seen.length === 1 ? seen[0] : undefined;
    },
    { limitMs, everyMs: 50 },
    () => `it is on ${seen.join(' and ') || 'no node'}`,
  );
}

/** Waits until every pod of the release is Ready. */
export async function waitForPods(site: Site, options: InstallOptions = {}): Promise<void> {
  const { release = RELEASE, namespace = NAMESPACE } = options;
  const selector = `app.kubernetes.io/instance=${release}`;
  await site.kubectl(['wait', 'pod', '-n', namespace, '-l', selector, '--for=condition=Ready', '--timeout=90s'], {
    timeout: 100_000,
  });
}
