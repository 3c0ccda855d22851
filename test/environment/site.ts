import { join } from 'node:path';
import { execa, type Options } from 'execa';
import { Clients } from '../clients/clients.ts';
import { type ClientKind, Prober } from '../clients/prober.ts';
import { planCluster } from '../cluster/plan.ts';
import { adminKubeconfig, type ClusterState } from '../cluster/state.ts';
import { type Kubectl, kubectlFor } from '../support/kubectl.ts';
import { ClusterEnvironment } from './cluster.ts';
import type { Cadence } from './environment.ts';

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

/**
 * The project's own cluster as a site.
 * @param helm paths of helm, and of helm 3
 * @param address by default the one for the ingress
 */
export function ownSite(
  { shape, parts }: Pick<ClusterState, 'shape' | 'parts'>,
  { helm, helm3 }: Pick<SiteDescription, 'helm' | 'helm3'>,
  address = planCluster(shape).ingressVip,
): SiteDescription {
  return {
    kubeconfig: adminKubeconfig(shape.name),
    kubectl: join(parts.kubernetes, 'kubectl'),
    helm,
    helm3,
    vip: `${address}/${planCluster(shape).prefixLength}`,
    valuesFiles: [],
    cluster: shape.name,
  };
}

/** What a client asks, and how often; the site's address by default. */
type ProbeSettings = Cadence & { readonly address?: string };

/** Runs helm and gives what it wrote to standard output. @throws Error with what it said when it fails. */
export type Helm = (args: readonly string[], options?: Options) => Promise<string>;

/** Between two attempts at one address: many addresses are asked at the same time. */
export const PROBE_INTERVAL_MS = 20;
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

  /** The project's own cluster. @throws Error on the user's. */
  get cluster(): ClusterEnvironment {
    const { cluster } = this.description;
    if (cluster === undefined) throw new Error('this needs the nodes themselves: it runs on the own cluster only');
    return new ClusterEnvironment(cluster);
  }

  /**
   * A client outside the cluster that opens connections to the address; it does not run yet. It has no real-time priority: one that speaks TLS 200 times
   * a second takes half a core, and two of them had two clusters at half their speed.
   */
  prober(kind: ClientKind, { address = this.address, ...cadence }: ProbeSettings = {}): Prober {
    return this.#prober(kind, [address], cadence);
  }

  /** A client of many addresses, and what it sees. @param cadence by default an attempt at each every PROBE_INTERVAL_MS */
  clients(addresses: readonly string[], cadence: Cadence = {}): Clients {
    return new Clients(
      () => this.#prober('regular', addresses, { intervalMs: PROBE_INTERVAL_MS, ...cadence }),
      addresses,
    );
  }

  #prober(kind: ClientKind, addresses: readonly string[], cadence: Cadence): Prober {
    return this.hasHarness
      ? this.cluster.prober(kind, addresses, cadence)
      : new Prober({ kind, addresses, ...cadence });
  }

  /** The nodes that have an address on an interface now: from the kernel, or asked of the release's pods. */
  async holders(address: string = this.address): Promise<string[]> {
    return this.hasHarness ? this.cluster.holders(address) : this.#holdersByPods(address);
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
