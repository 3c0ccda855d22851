/** One figure of a run. */
export interface ServiceFigure {
  readonly title: string;
  readonly unit: 'ms' | 's' | 'MiB' | '%' | 'of them' | 'attempts';
  /** What it may be at most, by the median of the runs and by the worst of them. Absent: nothing is promised. */
  readonly promised?: { readonly median?: number; readonly worst?: number };
}

/** What `--fault` chooses by. */
export type ServiceTitle =
  | 'create'
  | 'node-cut'
  | 'api-away'
  | 'give-back'
  | 'endpoint-crash'
  | 'endpoint-crash-probe'
  | 'node-cut-local'
  | 'rolling-update'
  | 'policy'
  | 'many'
  | 'many-cut'
  | 'many-reload'
  | 'instances-reload';

/** Something that happens to Services, and what it comes to. */
export interface ServiceCase {
  readonly title: ServiceTitle;
  readonly runs: number;
  /** How many Services there are, where there are many. */
  readonly scale?: number;
  /** A run gives one value for each, in this order. */
  readonly figures: readonly ServiceFigure[];
}

/** Of requests while pods are replaced. */
export const REQUESTS_PER_SECOND = 100;
/** How long the API server is away. */
export const API_AWAY_MS = 40_000;
/** Services that are deleted and made anew; and others that ask for addresses meanwhile. */
export const GIVEN_BACK = 200;
export const RIVALS = 50;
/** VRRP instances of one node, each with one address. */
export const INSTANCES = 250;
/** Endpoints of each of many Services. */
export const ENDPOINTS = 4;
/** `--scale` says another besides. */
const SCALE = 1000;

function within(seconds: number): Pick<ServiceFigure, 'unit' | 'promised'> {
  return { unit: 's', promised: { worst: seconds } };
}

/** What is promised of many Services that are made at once. */
function manyFigures(scale: number): ServiceFigure[] {
  const [published, answering] = scale <= SCALE ? [6, 10] : [30, 45];
  return [
    { title: `${scale} Services made at once → all have their addresses in their status`, ...within(published) },
    { title: `${scale} Services made at once → all answer`, ...within(answering) },
    {
      title: `memory of the controller that leads, with ${scale} Services and ${scale * ENDPOINTS} endpoints`,
      unit: 'MiB',
      promised: { worst: 160 },
    },
  ];
}

function cutFigures(what: string): ServiceFigure[] {
  return [
    { title: `${what}: outage`, unit: 'ms', promised: { worst: 350 } },
    { title: `${what}: outage while it comes back`, unit: 'ms' },
  ];
}

/** What is measured of many Services. */
function manyCases(scale: number): ServiceCase[] {
  return [
    { title: 'many', runs: 3, scale, figures: manyFigures(scale) },
    {
      title: 'many-cut',
      runs: 10,
      scale,
      figures: [
        {
          title: `a node with its share of ${scale} addresses is cut off → the first of them elsewhere`,
          unit: 'ms',
          promised: { worst: 350 },
        },
        { title: '→ the last of them elsewhere', unit: 'ms', promised: { worst: 1500 } },
      ],
    },
    {
      title: 'many-reload',
      runs: 10,
      scale,
      figures: [
        { title: `one Service more than ${scale} → a node has its address`, unit: 'ms' },
        { title: 'addresses that were off their node meanwhile', unit: 'of them', promised: { worst: 0 } },
      ],
    },
  ];
}

/** Every case. @param scale so many Services at once besides */
export function serviceCases(scale = SCALE): ServiceCase[] {
  return [
    {
      title: 'create',
      runs: 30,
      figures: [
        {
          title: 'a Service is made → its address is in its status',
          unit: 'ms',
          promised: { median: 60, worst: 200 },
        },
        { title: 'a Service is made → a node has the address', unit: 'ms' },
        { title: 'a Service is made → its first answer', unit: 'ms', promised: { worst: 500 } },
      ],
    },
    { title: 'node-cut', runs: 10, figures: cutFigures('`externalTrafficPolicy: Cluster`, its node is cut off') },
    {
      title: 'api-away',
      runs: 10,
      figures: [
        {
          title: `the API server is away for ${API_AWAY_MS / 1000} s: attempts of new clients that failed`,
          unit: 'attempts',
          promised: { worst: 0 },
        },
      ],
    },
    {
      title: 'give-back',
      runs: 3,
      figures: [
        {
          title: `${GIVEN_BACK} Services deleted and made anew, beside ${RIVALS} others and over the ends of both controllers: have another address`,
          unit: 'of them',
          promised: { worst: 0 },
        },
      ],
    },
    {
      title: 'endpoint-crash',
      runs: 10,
      figures: [{ title: "`Local`: the pod on its node crashes, by kube-proxy's health port: outage", unit: 'ms' }],
    },
    {
      title: 'endpoint-crash-probe',
      runs: 10,
      figures: [
        {
          title: '`Local`: the pod on its node crashes, by the held connection (`health: Probe`): outage',
          unit: 'ms',
          promised: { median: 30, worst: 80 },
        },
      ],
    },
    { title: 'node-cut-local', runs: 10, figures: cutFigures('`Local`, its node is cut off') },
    {
      title: 'rolling-update',
      runs: 10,
      figures: [
        {
          title: `\`Local\`: its pods are replaced one after the other, ${REQUESTS_PER_SECOND} requests a second: failed`,
          unit: '%',
          promised: { worst: 0.1 },
        },
        { title: '`Local`: its pods are replaced: longest outage', unit: 'ms' },
      ],
    },
    {
      title: 'policy',
      runs: 10,
      figures: [
        { title: '`Local` becomes `Cluster`: longest outage', unit: 'ms', promised: { worst: 50 } },
        {
          title: '`Cluster` becomes `Local`, with a pod on every node: longest outage',
          unit: 'ms',
          promised: { worst: 50 },
        },
      ],
    },
    ...manyCases(SCALE),
    ...(scale === SCALE ? [] : manyCases(scale)),
    {
      title: 'instances-reload',
      runs: 10,
      figures: [
        { title: `one address more than ${INSTANCES}, each of a VRRP instance of its own → a node has it`, unit: 'ms' },
        { title: 'addresses that were off their node meanwhile', unit: 'of them', promised: { worst: 0 } },
      ],
    },
  ];
}

/** How a case is called among others of its title. Pure. */
export function nameOf({ title, scale }: Pick<ServiceCase, 'title' | 'scale'>): string {
  return scale === undefined ? title : `${title} ${scale}`;
}

/**
 * The cases that are asked for. Pure.
 * @param names titles, or one of those with its scale: `many 5000`
 * @param scale so many Services at once besides
 * @throws Error when no case is called so
 */
export function chooseServiceCases(
  names: readonly string[] | undefined,
  runs: number | undefined,
  scale = SCALE,
): ServiceCase[] {
  const all = serviceCases(scale);
  const cases = all
    .filter((each) => names === undefined || names.includes(each.title) || names.includes(nameOf(each)))
    .map((each) => ({ ...each, runs: runs ?? each.runs }));
  if (cases.length === 0) {
    const known = [...new Set(all.flatMap((each) => [each.title, nameOf(each)]))].join(', ');
    throw new Error(`nothing to measure is called ${names?.join(' or ')}; there are: ${known}`);
  }
  return cases;
}
