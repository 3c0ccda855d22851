/** One of Kubernetes' own tests. */
export interface Spec {
  /** Words of its title that no other test's has. */
  readonly title: string;
  /** What it is about: the 17 of Feature:LoadBalancer, or what Services do besides that a load balancer depends on. */
  readonly group: 'load balancer' | 'neighbour';
  /** After so long it counts as failed, in seconds. */
  readonly limitSeconds: number;
  /** So many nodes have to run pods. */
  readonly nodes: number;
  /** Takes less than a minute. */
  readonly quick?: true;
}

/** Starting pods, and waiting for what a cloud would take. */
const USUAL_SECONDS = 480;
/** On two processors that all nodes share, a pod that is replaced takes its time, and several are, one after the other. */
const ROLLING_UPDATE_SECONDS = 900;

/** No more than most tests need: those that replace a pod on each node, a minute each, would go over their limit. */
const USUAL_NODES = 2;

const usual = { limitSeconds: USUAL_SECONDS, nodes: USUAL_NODES };
const loadBalancer = (title: string, more: Partial<Spec> = {}): Spec => {
  return { title, group: 'load balancer', ...usual, ...more };
};
const neighbour = (title: string, more: Partial<Spec> = {}): Spec => {
  return { title, group: 'neighbour', ...usual, ...more };
};

/** Kubernetes' tests of load balancers, and those of its neighbours of SIG Network, as they are called in its sources (test/e2e/network). */
export const SPECS: readonly Spec[] = [
  loadBalancer('should be able to change the type and ports of a TCP service', { quick: true }),
  loadBalancer('should be able to change the type and ports of a UDP service', { quick: true }),
  loadBalancer('should only allow access from service loadbalancer source ranges'),
  loadBalancer('should have session affinity work for LoadBalancer service with Local traffic policy', { quick: true }),
  loadBalancer('should be able to switch session affinity for LoadBalancer service with Local traffic policy', {
    quick: true,
  }),
  loadBalancer('should have session affinity work for LoadBalancer service with Cluster traffic policy', {
    quick: true,
  }),
  loadBalancer('should be able to switch session affinity for LoadBalancer service with Cluster traffic policy', {
    quick: true,
  }),
  loadBalancer('should handle load balancer cleanup finalizer for service'),
  loadBalancer('should be able to create LoadBalancer Service without NodePort and change it', { quick: true }),
  loadBalancer(
    'should be able to preserve UDP traffic when server pod cycles for a LoadBalancer service on different nodes',
    { quick: true },
  ),
  loadBalancer(
    'should be able to preserve UDP traffic when server pod cycles for a LoadBalancer service on the same nodes',
    { quick: true },
  ),
  loadBalancer(
    'LoadBalancers ExternalTrafficPolicy: Local [Feature:LoadBalancer] [Slow] should work for type=LoadBalancer',
    { quick: true },
  ),
  loadBalancer('should only target nodes with endpoints', { quick: true }),
  loadBalancer('should target all nodes with endpoints', { quick: true }),
  loadBalancer('LoadBalancers ExternalTrafficPolicy: Local [Feature:LoadBalancer] [Slow] should work from pods', {
    quick: true,
  }),
  loadBalancer('should not have connectivity disruption during rolling update with externalTrafficPolicy=Cluster', {
    limitSeconds: ROLLING_UPDATE_SECONDS,
  }),
  loadBalancer('should not have connectivity disruption during rolling update with externalTrafficPolicy=Local', {
    limitSeconds: ROLLING_UPDATE_SECONDS,
  }),
  neighbour(
    'should be possible to connect to a service via ExternalIP when the external IP is not assigned to a node',
    { quick: true },
  ),
  neighbour('should fail health check node port if there are only terminating endpoints', { quick: true }),
  neighbour(
    'should fallback to local terminating endpoints when there are no ready endpoints with externalTrafficPolicy=Local',
  ),
  neighbour('should implement NodePort and HealthCheckNodePort correctly when ExternalTrafficPolicy changes', {
    nodes: 3,
  }),
  neighbour('should serve endpoints on same port and different protocol for internal traffic on Type LoadBalancer', {
    quick: true,
  }),
  neighbour('should support externalTrafficPolicy=Local for type=NodePort', { quick: true }),
];

/** As tables have it: without what all titles begin with. Pure. */
export function shortTitle({ title }: Spec): string {
  return title
    .replace(/^LoadBalancers ExternalTrafficPolicy: Local .*\] /, 'externalTrafficPolicy=Local: ')
    .replace(/^should /, '');
}

/** Those whose title has one of the texts, if any are given, and those that are quick, if they alone are asked for. Pure. */
export function chooseSpecs(
  { focus = [], quick = false }: { readonly focus?: readonly string[]; readonly quick?: boolean },
  specs: readonly Spec[] = SPECS,
): readonly Spec[] {
  const meant = ({ title }: Spec) =>
    focus.length === 0 || focus.some((text) => title.toLowerCase().includes(text.toLowerCase()));
  return specs.filter((spec) => meant(spec) && (!quick || spec.quick === true));
}

/** The order in which they are begun: their own, or, where several run at once, the longest first. Gives a new list. Pure. */
export function inOrder(specs: readonly Spec[], atOnce: number): Spec[] {
  return atOnce === 1 ? [...specs] : specs.toSorted((a, b) => b.limitSeconds - a.limitSeconds);
}

/** The tests by the number of nodes that they need, the smallest first; all of them on `nodes`, if that is given. Pure. */
export function byNodes(specs: readonly Spec[], nodes?: number): { nodes: number; specs: readonly Spec[] }[] {
  const groups = Map.groupBy(specs, (spec) => nodes ?? spec.nodes);
  return [...groups].map(([count, group]) => ({ nodes: count, specs: group })).toSorted((a, b) => a.nodes - b.nodes);
}
