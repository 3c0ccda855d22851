import { applyManifest, holdersByAddress, patchPool } from '../environment/pools.ts';
import type { Site } from '../environment/site.ts';
import { waitFor } from '../support/wait.ts';
import type { ServiceStrike } from './schedule.ts';
import { ServicesBook } from './services-book.ts';

interface ServiceObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly type: string };
  readonly status: { readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string }[] } };
}

/** What is promised of Services, and where they are. */
interface ServicesScene {
  /** Names of the Services that there can be. */
  readonly names: readonly string[];
  /** Addresses of the pool; at least one for each name, with those that wait. */
  readonly addresses: readonly string[];
  /** And those that it has besides while it is widened. */
  readonly extra: readonly string[];
}

const POOL = 'chaos-services';
const NAMESPACE = 'chaos';
/** What only a hang takes: an API server that was away comes back, and everyone asks it again. */
const SETTLE_LIMIT_MS = 150_000;

function rangeOf(addresses: readonly string[]): object {
  return { first: addresses[0], last: addresses.at(-1) };
}

/** Services that come, go and change under a pool of ranges, and what became of their addresses. */
export class ChaosServices {
  readonly #site: Site;
  readonly #scene: ServicesScene;
  readonly #book: ServicesBook;
  /** Those to which something happened since all was well last. */
  readonly #struck = new Set<string>();

  constructor(site: Site, scene: ServicesScene) {
    this.#site = site;
    this.#scene = scene;
    this.#book = new ServicesBook(scene.names, (address) => scene.extra.includes(address));
  }

  /** Makes the pool. */
  async start(): Promise<void> {
    await this.#site.kubectl(['create', 'namespace', NAMESPACE]);
    await applyManifest(this.#site, {
      apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
      kind: 'VirtualIPPool',
      metadata: { name: POOL },
      spec: { ranges: [rangeOf(this.#scene.addresses)], services: {}, failback: { delaySeconds: 2 } },
    });
  }

  /** Does something to a Service, or to the pool. */
  async strike(strike: ServiceStrike): Promise<void> {
    this.#book.note(strike);
    if ('pool' in strike) {
      const { addresses, extra } = this.#scene;
      const ranges = [rangeOf(addresses), ...(strike.pool === 'widen' ? [rangeOf(extra)] : [])];
      await patchPool(this.#site, POOL, { ranges });
      return;
    }
    const { service, name } = strike;
    this.#struck.add(name);
    if (service === 'delete' || service === 'renew') await this.#kubectl('delete', 'service', name, '--timeout=60s');
    if (service === 'create' || service === 'renew') await this.#create(name);
    if (service === 'to ClusterIP') await this.#retype(name, 'ClusterIP');
    if (service === 'to balancer') await this.#retype(name, 'LoadBalancer');
  }

  /**
   * Waits until every Service has what it is to have, and no node holds more.
   * @returns addresses of those that were there all the time; what is not as promised, in words
   */
  async settle(): Promise<{ readonly living: readonly string[]; readonly violations: readonly string[] }> {
    let published = new Map<string, readonly string[]>();
    let missing = '';
    await waitFor(
      'the Services to have their addresses',
      async () => {
        published = await this.#published();
        missing = await this.#unsettled(published);
        return missing === '';
      },
      { limitMs: SETTLE_LIMIT_MS, everyMs: 250 },
      () => missing,
    );
    const alone = [...this.#book.balancers.keys()].filter((name) => !this.#struck.has(name));
    this.#struck.clear();
    return { living: alone.flatMap((name) => published.get(name) ?? []), violations: this.#book.judge(published) };
  }

  /** Removes all of it. @throws Error when an address is left on a node */
  async clear(): Promise<void> {
    await this.#site.kubectl(['delete', 'namespace', NAMESPACE, '--timeout=120s'], { timeout: 130_000 });
    await waitFor('no node to have an address of Services', async () => (await this.#heldAddresses()).length === 0, {
      limitMs: SETTLE_LIMIT_MS,
      everyMs: 250,
    });
    await this.#site.kubectl(['delete', 'virtualippool', POOL, '--timeout=60s'], { timeout: 70_000 });
  }

  #kubectl(...args: readonly string[]): Promise<string> {
    return this.#site.kubectl(['-n', NAMESPACE, ...args], { timeout: 70_000 });
  }

  async #create(name: string): Promise<void> {
    await applyManifest(this.#site, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: NAMESPACE },
      spec: { type: 'LoadBalancer', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    });
  }

  async #retype(name: string, type: string): Promise<void> {
    await this.#kubectl('patch', 'service', name, '--type=merge', '-p', JSON.stringify({ spec: { type } }));
  }

  async #published(): Promise<Map<string, readonly string[]>> {
    const { items } = JSON.parse(await this.#kubectl('get', 'services', '-o', 'json')) as { items: ServiceObject[] };
    const known = items.filter(({ metadata }) => this.#scene.names.includes(metadata.name));
    return new Map(
      known.map(({ metadata, status }) => [metadata.name, (status.loadBalancer.ingress ?? []).map(({ ip }) => ip)]),
    );
  }

  /** Addresses of Services that are on nodes, one for each node that has it. */
  async #heldAddresses(): Promise<string[]> {
    const own = [...this.#scene.addresses, ...this.#scene.extra];
    const held = await holdersByAddress(this.#site);
    return own.flatMap((address) => (held.get(address) ?? []).map(() => address));
  }

  /** What is to come still, in words; '' when nothing is. */
  async #unsettled(published: ReadonlyMap<string, readonly string[]>): Promise<string> {
    const balancers = this.#book.balancers;
    const wanted = [...balancers.keys()].flatMap((name) => published.get(name) ?? []);
    const others = [...published].filter(([name, addresses]) => !balancers.has(name) && addresses.length > 0);
    if (wanted.length < balancers.size) return `${balancers.size - wanted.length} Services have no address`;
    if (others.length > 0) return `${others.map(([name]) => name).join(', ')} still publish addresses`;
    const held = await this.#heldAddresses();
    const same = held.toSorted().join() === wanted.toSorted().join();
    return same ? '' : `nodes have ${held.toSorted().join(', ')}; Services ${wanted.toSorted().join(', ')}`;
  }
}
