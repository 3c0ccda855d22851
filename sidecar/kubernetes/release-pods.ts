import { familyOfAddress } from '../../common/addresses.ts';
import { explainRequestError } from '../../common/explain-error.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';
import { type ApiAccess, openRequests } from '../../common/kubernetes-access.ts';
import { spread } from '../../common/retry.ts';
import { nodesByAddress, orderNodes, type RankedPod } from './rank.ts';

interface ReleasePodsOptions extends ApiAccess {
  readonly namespace: string;
  /** Label selector of the release's pods. */
  readonly podSelector: string;
}

interface ReleasePodsDependencies {
  /** Called with the nodes of the release's pods, in order of preference, whenever they change. */
  readonly onNodes: (nodes: readonly string[]) => void;
  /** Called with the names of these nodes by their addresses, whenever they change. */
  readonly onAddresses?: (nodesByAddress: ReadonlyMap<string, string>) => void;
  /** Called with the reason when the API cannot be asked; it is tried again. */
  readonly onError: (reason: string) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

interface Pod {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly hostIP?: string;
    readonly hostIPs?: readonly { readonly ip?: string }[];
  };
}

interface PodList {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly Pod[];
}

function isUnplaced({ phase, nodeAddresses }: RankedPod): boolean {
  return (phase === undefined || phase === 'Pending') && nodeAddresses?.length === 0;
}

/** `hostIPs` came with Kubernetes 1.29 and may be switched off there. */
function rankedPod({ spec, status }: Pod): RankedPod {
  const addresses = [status?.hostIP, ...(status?.hostIPs ?? []).map(({ ip }) => ip)].map((address) => address ?? '');
  return {
    nodeName: spec?.nodeName,
    phase: status?.phase,
    nodeAddresses: [...new Set(addresses.filter((address) => familyOfAddress(address) !== undefined))],
  };
}

const INTERVAL_SECONDS = 300;
const RETRY_SECONDS = 15;
const TIMEOUT_MILLIS = 10_000;
const PAGE = 500;

/**
 * Polls which nodes run the release's pods, for ranks. It polls instead of watching: ranks only break ties between equally
 * healthy nodes, and a watch with the client library costs more memory than the rest of the sidecar together. Nothing waits for it: until
 * the API has answered, and while it is away, the node goes on with the last answer.
 */
export class ReleasePods {
  readonly #options: ReleasePodsOptions;
  readonly #dependencies: ReleasePodsDependencies;
  #abort: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reportedNodes = '';
  #reportedAddresses = '[]';

  constructor(options: ReleasePodsOptions, dependencies: ReleasePodsDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Asks at once, and then every five minutes; after a failure sooner. */
  start(): void {
    if (this.#abort !== undefined) return;
    this.#abort = new AbortController();
    void this.#poll(this.#abort.signal);
  }

  /** Ends asking; may be called twice. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = undefined;
  }

  async #poll(signal: AbortSignal): Promise<void> {
    let seconds = INTERVAL_SECONDS;
    try {
      const pods = await this.#list(signal);
      if (signal.aborted) return;
      this.#reportNodes(orderNodes(pods));
      this.#reportAddresses(nodesByAddress(pods));
      // A release that was just installed: its pods get their nodes one after the other.
      if (pods.some(isUnplaced)) seconds = RETRY_SECONDS;
    } catch (error) {
      if (signal.aborted) return;
      seconds = RETRY_SECONDS;
      // Only the message: the error of an HTTP request carries its headers, and with them the token.
      this.#dependencies.onError(explainRequestError(error));
    }
    if (signal.aborted) return;
    const pauseMs = spread(seconds * 1000, this.#dependencies.random);
    this.#timer = setTimeout(() => void this.#poll(signal), pauseMs);
    this.#timer.unref();
  }

  async #list(signal: AbortSignal): Promise<RankedPod[]> {
    const pods: RankedPod[] = [];
    let page: string | undefined;
    do {
      const { items = [], metadata } = await this.#page(page, signal);
      pods.push(...items.map(rankedPod));
      page = metadata?.continue || undefined;
    } while (page !== undefined);
    return pods;
  }

  async #page(page: string | undefined, signal: AbortSignal): Promise<PodList> {
    const { namespace, podSelector } = this.#options;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MILLIS)]);
    const requests = await openRequests(this.#options, limited);
    const { status, body } = await requests.document<PodList>({
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
      params: { labelSelector: podSelector, limit: PAGE, ...(page === undefined ? {} : { continue: page }) },
      // A list of pods shrinks to a tenth.
      headers: { 'Accept-Encoding': 'gzip' },
    });
    if (status !== HTTP_STATUS.ok) throw new Error(`Request failed with status code ${status}`);
    return body;
  }

  #reportAddresses(nodes: ReadonlyMap<string, string>): void {
    const text = JSON.stringify([...nodes]);
    if (text === this.#reportedAddresses) return;
    this.#reportedAddresses = text;
    this.#dependencies.onAddresses?.(nodes);
  }

  #reportNodes(nodes: readonly string[]): void {
    const text = JSON.stringify(nodes);
    // Pods that are not scheduled yet have no node; an empty order would only undo what is known.
    if (nodes.length === 0 || text === this.#reportedNodes) return;
    this.#reportedNodes = text;
    this.#dependencies.onNodes(nodes);
  }
}
