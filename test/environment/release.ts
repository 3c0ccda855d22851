import { CHART, RELEASE_NAMESPACE as NAMESPACE, RELEASE_NAME as RELEASE } from '../support/release-names.ts';
import { waitFor } from '../support/wait.ts';
import { tellOfPods } from './pods-trouble.ts';
import type { Helm, Site } from './site.ts';

export { CHART, RELEASE_NAME as RELEASE, RELEASE_NAMESPACE as NAMESPACE } from '../support/release-names.ts';

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

const CREATED_LIMIT_MS = 30_000;
const GONE_LIMIT_MS = 90_000;
const HOLDER_LIMIT_MS = 60_000;

function selectorOf(release: string): string {
  return `app.kubernetes.io/instance=${release}`;
}

/** The names of all pods of a release, the controller's too, a line each; '' where there are none. `releasePods` tells more, of the agents alone. */
async function podsOf(site: Site, namespace: string, release: string): Promise<string> {
  return site.kubectl(['get', 'pods', '-n', namespace, '-l', selectorOf(release), '-o', 'name']);
}

function valueArguments(site: Site, { set = [], valuesFiles = [] }: InstallOptions): string[] {
  return [
    ...[...site.description.valuesFiles, ...valuesFiles].flatMap((file) => ['-f', file]),
    ...set.flatMap((assignment) => ['--set', assignment]),
  ];
}

/** Values that bring addresses of their own. */
const ADDRESS_VALUES = [
  'keepalived.vipAddress',
  'controlPlaneLoadBalancing.keepalived.vrrpInstances',
  'controlPlane.ingress',
];

/** `helm install` with the site's address, as a user types it, unless the options have another. Gives what helm printed (the notes). */
export async function helmInstall(site: Site, options: InstallOptions = {}): Promise<string> {
  const { chart = CHART, release = RELEASE, namespace = NAMESPACE, helm = site.helm, args = [] } = options;
  const address = options.set?.some((assignment) => ADDRESS_VALUES.some((value) => assignment.startsWith(value)))
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
  await waitFor(`the pods of ${release} to end`, async () => (await podsOf(site, namespace, release)) === '', {
    limitMs: GONE_LIMIT_MS,
    everyMs: 200,
  });
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

/** Waits until the release has pods and every one of them is Ready; says what is known of them when that does not come. */
export async function waitForPods(site: Site, options: InstallOptions = {}): Promise<void> {
  const { release = RELEASE, namespace = NAMESPACE } = options;
  // `kubectl wait` fails at once where nothing matches, as long as the controller has not made the first pod.
  await waitFor(`a pod of ${release}`, async () => (await podsOf(site, namespace, release)) !== '', {
    limitMs: CREATED_LIMIT_MS,
    everyMs: 200,
  });
  const ready = ['--for=condition=Ready', '--timeout=90s'];
  try {
    await site.kubectl(['wait', 'pod', '-n', namespace, '-l', selectorOf(release), ...ready], { timeout: 100_000 });
  } catch (error) {
    await tellOfPods(site, namespace, selectorOf(release));
    throw error;
  }
}
