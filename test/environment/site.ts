import { execa, type Options } from 'execa';
import { type ClientKind, Prober, type ProberOptions } from '../clients/prober.ts';
import { planCluster } from '../cluster/plan.ts';
import { type ClusterState, clusterState } from '../cluster/state.ts';
import { holdersOf } from '../cluster/status.ts';
import { type Kubectl, kubectlFor } from '../support/kubectl.ts';

/** Where the end-to-end tests run: the project's own cluster, or one that the user has. Plain data, for it crosses processes. */
export interface SiteDescription {
  readonly kubeconfig: string;
  /** Paths of programs. */
  readonly kubectl: string;
  readonly helm: string;
  readonly helm3: string | undefined;
  /** A free address in the nodes' network, with prefix length. */
  readonly vip: string;
  /** Values files that every installation gets, e.g. with the images' registry. */
  readonly valuesFiles: readonly string[];
  /** Name of the project's own cluster; undefined on the user's. */
  readonly cluster: string | undefined;
}

/** What a client asks, and how often; the site's address by default. */
type ProbeSettings = Pick<ProberOptions, 'port' | 'path' | 'ca' | 'intervalMs' | 'timeoutMs' | 'realTime'> & {
  readonly address?: string;
  /** Several at the same time, instead of one. */
  readonly addresses?: readonly string[];
};

/** Runs helm and gives what it wrote to standard output. @throws Error with what it said when it fails. */
export type Helm = (args: readonly string[], options?: Options) => Promise<string>;

const HELM_LIMIT_MS = 180_000;

/** A site, ready for use. */
export class Site {
  readonly description: SiteDescription;
  readonly kubectl: Kubectl;
  readonly helm: Helm;

  constructor(description: SiteDescription) {
    this.description = description;
    this.kubectl = kubectlFor(description.kubectl, description.kubeconfig);
    this.helm = this.helmWith(description.helm);
  }

  /** The virtual address, without prefix length. */
  get address(): string {
    return this.description.vip.replace(/\/.*/, '');
  }

  /** Another helm, e.g. of another major version. */
  helmWith(program: string): Helm {
    return async (args, options = {}) => {
      const env = { KUBECONFIG: this.description.kubeconfig, ...options.env };
      const result = await execa(program, args, { timeout: HELM_LIMIT_MS, ...options, env });
      return String(result.stdout ?? '');
    };
  }

  /** Whether the nodes are ours to cut, crash and look into. */
  get hasHarness(): boolean {
    return this.description.cluster !== undefined;
  }

  /** The state of the project's own cluster. @throws Error on the user's. */
  harness(): ClusterState {
    const { cluster } = this.description;
    if (cluster === undefined) throw new Error('this needs the nodes themselves: it runs on the own cluster only');
    return clusterState(cluster).read();
  }

  /** A client outside the cluster that opens connections to the address; it does not run yet. */
  prober(kind: ClientKind, options: ProbeSettings = {}): Prober {
    const { address = this.address, addresses = [address], ...cadence } = options;
    const where = this.hasHarness ? { netns: this.#clientNetns(kind) } : {};
    return new Prober({ kind, addresses, ...cadence, ...where });
  }

  #clientNetns(kind: ClientKind): string {
    const plan = planCluster(this.harness().shape);
    return (kind === 'newcomer' ? plan.newcomer : plan.client).netns;
  }

  /** The nodes that have an address on an interface now: from the kernel, or asked of the release's pods. */
  async holders(address: string = this.address): Promise<string[]> {
    return this.hasHarness ? holdersOf(this.harness(), address) : this.#holdersByPods(address);
  }

  async #holdersByPods(address: string): Promise<string[]> {
    const pods = await this.#releasePods();
    const looks = pods.map(async ({ namespace, name, node }) => {
      const args = [
        'exec',
        '-n',
        namespace,
        name,
        '-c',
        'keepalived',
        '--',
        'ip',
        '-o',
        'address',
        'show',
        'to',
        address,
      ];
      const found = await this.kubectl(args).catch(() => '');
      return found.trim() === '' ? [] : [node];
    });
    return (await Promise.all(looks)).flat();
  }

  async #releasePods(): Promise<{ namespace: string; name: string; node: string }[]> {
    const columns = '{range .items[*]}{.metadata.namespace} {.metadata.name} {.spec.nodeName}{"\\n"}{end}';
    const selector = 'app.kubernetes.io/component=node,app.kubernetes.io/name=keepalived-ingress-vip';
    const lines = await this.kubectl(['get', 'pods', '-A', '-l', selector, '-o', `jsonpath=${columns}`]);
    return lines
      .split('\n')
      .map((line) => line.split(' '))
      .flatMap(([namespace, name, node]) => (namespace && name && node ? [{ namespace, name, node }] : []));
  }
}
