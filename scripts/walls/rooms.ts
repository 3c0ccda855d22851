/** One room of the house: a folder, or a file of its own rules. */
export interface Room {
  /** The folder, or the file without its extension. The longest that fits is a file's room. */
  readonly room: string;
  /** What it is for. */
  readonly what: string;
  /** What it may import, tests apart: rooms, `npm:<package>` and `node:<module>`. What is not here is refused, also types. */
  readonly may: readonly string[];
  /** The same, types alone. */
  readonly types?: readonly string[];
}

/** Nothing of it is more than functions of what they are given. */
const PURE = [
  'common/addresses',
  'common/answers',
  'common/claims',
  'common/compare-text',
  'common/digest',
  'common/errors',
  'common/http-status',
  'common/user-agent',
];
/** What a program's parts stand on. It has no I/O and no clock, so every part may have all of it, whether or not it needs it today. */
export const GROUND: readonly string[] = [...PURE, 'node:util'];

/** Files that are replaced as a whole, and directories that are watched. */
const FILES = ['common/directory-watch', 'common/replace-file'];

/*
 * Who may import whom, from the ground up. Data flows one way: sources → desired → checks, fitness, instances, network, keepalived;
 * status observes, and server shows it. A room that decides imports neither file, socket nor clock, and no library that has one.
 */

const SHARED: readonly Room[] = [
  { room: 'common/clock', what: "The machine's clocks and timers, and what stands for them.", may: [] },
  {
    room: 'common/addresses',
    what: 'Addresses: one parser, one canonical form, subnets. Pure.',
    may: ['npm:ipaddr.js'],
  },
  { room: 'common/answers', what: 'Pure functions with the answers that they gave. Pure.', may: [] },
  { room: 'common/digest', what: 'The digest of a text. Pure.', may: ['node:crypto'] },
  { room: 'common/claims', what: 'Who has what: the first keeps it. Pure.', may: [] },
  { room: 'common/compare-text', what: 'The order of texts, the same everywhere. Pure.', may: [] },
  { room: 'common/errors', what: 'Message and code of whatever was thrown. Pure.', may: [] },
  { room: 'common/http-status', what: 'HTTP status codes by name. Pure.', may: [] },
  { room: 'common/user-agent', what: 'By what name servers see the requests of the sidecar. Pure.', may: [] },
  {
    room: 'common/check-document',
    what: 'Checks a document against a schema, and says what is wrong where. Pure.',
    may: ['npm:zod'],
  },
  {
    room: 'common/settings-file',
    what: 'Reads a YAML file against a schema, and says what is wrong where.',
    may: ['common/check-document', 'common/errors', 'node:fs', 'node:fs/promises', 'npm:yaml'],
  },
  {
    room: 'common/process',
    what: 'How a program logs and ends, and what does not end it. For the two main.ts alone.',
    may: ['common/errors', 'npm:pino'],
  },
  { room: 'common/retry', what: 'When something that failed is tried again.', may: ['npm:cockatiel'] },
  { room: 'common/time-limit', what: 'A signal that says when to give up.', may: [] },
  {
    room: 'common/explain-error',
    what: 'Errors of TLS and HTTP as sentences that say what to change. Pure.',
    may: ['common/errors'],
  },
  {
    room: 'common/http-request',
    what: "One request by Node's own client.",
    may: ['node:http', 'node:https'],
  },
  {
    room: 'common/http-answer',
    what: "One answer as a whole by Node's own server.",
    may: ['common/http-status'],
    types: ['node:http'],
  },
  {
    room: 'common/kubeconfig',
    what: 'What a kubeconfig says of the API server. Pure.',
    may: ['npm:yaml', 'npm:zod'],
  },
  {
    room: 'common/kubernetes-access',
    what: 'Where the API server is, how a pod proves who it is, and requests that do so.',
    may: [
      ...PURE,
      'common/http-request',
      'common/kubeconfig',
      'node:fs/promises',
      'node:http',
      'node:https',
      'node:path',
      'node:stream/consumers',
      'node:stream/promises',
      'node:zlib',
    ],
  },
  { room: 'common/directory-watch', what: 'Notices changes of files in a directory.', may: ['node:fs'] },
  {
    room: 'common/replace-file',
    what: 'Replaces a file as a whole.',
    may: ['node:crypto', 'node:fs', 'node:fs/promises', 'node:path'],
  },
  {
    room: 'common/listener',
    what: 'Serves HTTP on an address.',
    may: ['node:events', 'node:http'],
    types: ['node:net'],
  },
  {
    room: 'common/page-policy',
    what: 'The headers of a page that has its style and its script inside. Pure.',
    may: ['common/digest'],
  },
  {
    room: 'common/last-answers',
    what: 'Answers to requests that no route takes.',
    may: ['common/http-answer', 'common/http-status'],
    types: ['npm:router', 'node:http'],
  },
  {
    room: 'api',
    what: 'Custom resources, and what both programs agree on.',
    may: [...PURE, 'common/check-document', 'npm:zod'],
  },
];

const SIDECAR: readonly Room[] = [
  {
    room: 'sidecar/config',
    what: 'What the settings file may say.',
    may: [...PURE, 'api', 'common/check-document', 'common/settings-file', 'npm:zod', 'node:net'],
  },
  {
    room: 'sidecar/runtime',
    what: 'What is exchanged with a supervised process through files, and what is kept over a restart.',
    may: [...GROUND, ...FILES, 'node:fs', 'node:fs/promises', 'node:path'],
  },
  {
    room: 'sidecar/network',
    what: "Reads the node's network.",
    may: [...GROUND, 'node:fs/promises', 'node:os'],
  },
  {
    room: 'sidecar/probes',
    what: 'A probe answers one question. Who asks, and what follows from it, is not its business.',
    may: [
      ...GROUND,

      'common/explain-error',
      'common/http-request',
      'common/kubernetes-access',
      'node:http',
      'node:https',
      'node:net',
      'node:stream',
      'node:timers',
    ],
  },
  {
    room: 'sidecar/checks/thresholds',
    what: 'When results make a check healthy or not. Pure.',
    may: [],
    types: ['sidecar/checks', 'sidecar/probes'],
  },
  {
    room: 'sidecar/checks',
    what: 'Checks: when a probe asks, and what its results mean.',
    may: [...GROUND, 'common/clock', 'sidecar/probes', 'node:fs', 'node:net'],
    types: ['common/kubernetes-access', 'sidecar/config'],
  },
  {
    room: 'sidecar/fitness',
    what: 'How fit the node is for an instance. Decides without I/O.',
    may: ['api'],
    types: ['sidecar/checks'],
  },
  {
    room: 'sidecar/desired',
    what: 'What this node is to have: what the sources ask for, merged, and resolved to its interfaces. Pure.',
    may: [...PURE, 'npm:zod'],
    types: ['sidecar/checks', 'sidecar/fitness', 'sidecar/network'],
  },
  {
    room: 'sidecar/keepalived/render',
    what: "keepalived's configuration as text. Pure.",
    may: [...PURE, 'api', 'sidecar/fitness'],
    types: ['sidecar/desired'],
  },
  {
    room: 'sidecar/keepalived',
    what: 'All that concerns keepalived: its configuration, what it says, who holds an address.',
    may: [
      ...GROUND,
      'common/clock',
      'api',
      'sidecar/desired',
      'sidecar/network',
      'sidecar/runtime',
      'node:fs',
      'node:fs/promises',
      'node:net',
    ],
  },
  {
    room: 'sidecar/proxy',
    what: "The proxy in front of the API servers: HAProxy's configuration, and what it is told while it runs. Decides without I/O, but for its runtime API.",
    may: [...PURE, 'node:net'],
    types: ['common/clock', 'sidecar/config'],
  },
  {
    room: 'sidecar/certificates',
    what: 'Whether the certificates that servers show have the virtual addresses. Nothing else is decided by it.',
    may: [...PURE, 'node:tls'],
    types: ['common/clock'],
  },
  {
    room: 'sidecar/connections',
    what: 'Who is connected to the addresses of a node: what nodes tell each other of it, and how clients are told that it is over.',
    may: [...GROUND, 'node:crypto', 'node:dgram', 'node:net', 'node:os', 'node:path'],
    types: ['sidecar/desired'],
  },
  {
    room: 'sidecar/instances',
    what: 'The instances that run, and what each does.',
    may: [...GROUND, 'sidecar/desired', 'sidecar/fitness', 'sidecar/keepalived'],
    types: ['sidecar/network', 'npm:pino'],
  },
  {
    room: 'sidecar/kubernetes',
    what: 'Asks the Kubernetes API, and follows it. Nothing that keeps or moves an address waits for it.',
    may: [
      ...GROUND,
      'common/clock',
      'api',
      'common/explain-error',
      'common/kubernetes-access',
      'common/retry',
      'common/time-limit',
      'sidecar/fitness',
      'npm:zod',
      'node:http',
      'node:timers/promises',
    ],
  },
  {
    room: 'sidecar/sources',
    what: 'Where what is desired comes from: the settings, and the plan of this node.',
    may: [
      ...GROUND,
      'api',
      'common/check-document',
      'sidecar/config',
      'sidecar/desired',
      'common/directory-watch',
      'sidecar/kubernetes',
      'npm:zod',
      'node:path',
      'node:timers/promises',
    ],
    types: ['common/kubernetes-access', 'sidecar/checks', 'sidecar/fitness', 'npm:pino'],
  },
  {
    room: 'sidecar/status',
    what: 'The state of all parts at one moment.',
    may: [...GROUND, 'api', 'sidecar/checks', 'sidecar/fitness'],
    types: [
      'sidecar/certificates',
      'sidecar/config',
      'sidecar/connections',
      'sidecar/desired',
      'sidecar/instances',
      'sidecar/keepalived',
      'sidecar/proxy',
      'sidecar/runtime',
      'sidecar/sources',
    ],
  },
  {
    room: 'sidecar/server',
    what: 'Shows the status. Nothing that decides depends on what shows it.',
    may: [
      'api',
      'common/http-answer',
      'common/http-status',
      'common/last-answers',
      'common/page-policy',
      'sidecar/checks',
      'sidecar/status',
      'npm:prom-client',
      'npm:router',
      'node:timers/promises',
    ],
    types: ['node:http'],
  },
  {
    room: 'sidecar/parts',
    what: 'What begins and ends with the sidecar: each connects the rooms of its subject, and logs.',
    may: [
      ...GROUND,
      'common/clock',
      'api',
      'common/check-document',
      'common/kubernetes-access',
      'sidecar/certificates',
      'sidecar/checks',
      'sidecar/config',
      'sidecar/connections',
      'sidecar/desired',
      'sidecar/fitness',
      'sidecar/instances',
      'sidecar/keepalived',
      'common/directory-watch',
      'sidecar/kubernetes',
      'sidecar/network',
      'sidecar/proxy',
      'sidecar/runtime',
      'sidecar/sources',
      'node:crypto',
      'node:fs',
      'node:fs/promises',
      'node:os',
      'node:path',
    ],
    types: ['sidecar/status', 'npm:pino'],
  },
  {
    room: 'sidecar/template',
    what: "The language of Helm's templates, as far as the chart speaks it. Pure.",
    may: [...GROUND, 'npm:yaml'],
  },
  {
    room: 'sidecar/manifest',
    what: 'The command that prints a static pod: the chart, rendered without Helm.',
    may: [
      ...GROUND,
      'common/check-document',
      'sidecar/template',
      'npm:yaml',
      'npm:zod',
      'node:fs/promises',
      'node:path',
    ],
  },
  {
    room: 'sidecar/sidecar',
    what: 'All parts together, and in which order they begin.',
    may: ['sidecar/keepalived', 'sidecar/parts', 'sidecar/status'],
    types: ['api', 'sidecar/config', 'sidecar/fitness', 'sidecar/sources'],
  },
  {
    room: 'sidecar/main',
    what: 'Reads the environment, wires, handles signals and exits.',
    may: [
      'common',
      'sidecar/sidecar',
      'sidecar/config',
      'sidecar/manifest',
      'sidecar/parts',
      'sidecar/runtime',
      'sidecar/server',
      'sidecar/sources',
      'node:path',
      'node:util',
    ],
  },
];

const CONTROLLER: readonly Room[] = [
  {
    room: 'controller/config',
    what: 'What the settings file may say.',
    may: [...PURE, 'api', 'common/check-document', 'common/settings-file', 'npm:zod', 'node:net'],
  },
  {
    room: 'controller/labels',
    what: 'Whether labels meet a selector. Pure.',
    may: [],
    types: ['api'],
  },
  {
    room: 'controller/plan',
    what: 'Which node does what, from what it is given alone. Pure.',
    may: [...PURE, 'api', 'controller/labels', 'controller/text'],
  },
  {
    room: 'controller/services',
    what: 'Which Service gets which address, from what it is given alone. Pure.',
    may: [...PURE, 'api', 'controller/labels', 'controller/text'],
  },
  {
    room: 'controller/text',
    what: 'Sentences for people.',
    may: [],
  },
  {
    room: 'controller/kubernetes/resource-version',
    what: 'Which of two resource versions is older.',
    may: [],
  },
  {
    room: 'controller/kubernetes/lease-store',
    what: 'A Lease, as an election needs it.',
    may: [],
  },
  {
    room: 'controller/election',
    what: 'Who of the replicas acts.',
    may: [...GROUND, 'common/clock', 'controller/kubernetes/lease-store', 'controller/kubernetes/resource-version'],
  },
  {
    room: 'controller/kubernetes/references',
    what: 'How one object names another.',
    may: ['api'],
    types: ['controller/kubernetes'],
  },
  {
    room: 'controller/kubernetes',
    what: 'Reads, follows and writes resources.',
    may: [
      ...GROUND,
      'common/clock',
      'api',
      'common/retry',
      'controller/services',
      'npm:@kubernetes/client-node',
      'common/http-request',
      'node:crypto',
      'node:http',
      'node:https',
      'node:stream/consumers',
    ],
  },
  {
    room: 'controller/ingress',
    what: 'By which address the ingress of the control plane is reached, and what its pool is. Pure.',
    may: [...PURE, 'api'],
  },
  {
    room: 'controller/reachability',
    what: 'Asks whether an address answers.',
    may: [...GROUND, 'common/clock', 'common/explain-error', 'node:https'],
  },
  {
    room: 'controller/events',
    what: 'What is worth an Event.',
    may: [...GROUND, 'common/clock', 'controller/kubernetes/references', 'controller/text', 'npm:cockatiel'],
    types: ['api', 'controller/kubernetes', 'controller/plan'],
  },
  {
    room: 'controller/reconcile',
    what: 'From what the cluster has to what is written there, stage by stage.',
    may: [
      ...GROUND,
      'common/clock',
      'api',
      'common/retry',
      'controller/events',
      'controller/ingress',
      'controller/kubernetes',
      'controller/plan',
      'controller/services',
      'controller/text',
      'npm:cockatiel',
      'node:util',
    ],
    types: ['controller/config', 'controller/election'],
  },
  {
    room: 'controller/server',
    what: 'Shows the status, as page, stream and metrics.',
    may: [
      'common/http-answer',
      'common/http-status',
      'common/last-answers',
      'common/page-policy',
      'npm:prom-client',
      'npm:router',
    ],
    types: ['common/clock', 'controller/events', 'controller/reconcile', 'node:http'],
  },
  {
    room: 'controller/reports',
    what: 'Says in logs and metrics what is done.',
    may: ['controller/kubernetes'],
    types: ['controller/events', 'controller/reconcile', 'controller/server', 'npm:pino'],
  },
  {
    room: 'controller/controller',
    what: 'All parts together.',
    may: [
      ...GROUND,
      'common/clock',
      'controller/election',
      'controller/events',
      'controller/kubernetes',
      'controller/plan',
      'controller/reachability',
      'controller/reconcile',
      'controller/reports',
    ],
    types: ['controller/config', 'controller/server', 'npm:@kubernetes/client-node', 'npm:pino'],
  },
  {
    room: 'controller/translate',
    what: 'The command that makes pools of what other load balancers have. Pure.',
    may: [...PURE, 'api', 'common/check-document', 'controller/labels', 'controller/services', 'npm:yaml'],
  },
  {
    room: 'controller/release',
    what: 'The command that takes back what Services have, before the controller goes.',
    may: [
      ...GROUND,
      'common/clock',
      'api',
      'controller/election',
      'controller/kubernetes',
      'controller/services',
      'npm:@kubernetes/client-node',
      'node:timers/promises',
    ],
  },
  {
    room: 'controller/main',
    what: 'Reads the environment, wires, handles signals and exits.',
    may: [
      'common',
      'controller/config',
      'controller/controller',
      'controller/kubernetes',
      'controller/release',
      'controller/server',
      'controller/translate',
      'npm:prom-client',
      'node:stream/consumers',
      'node:timers/promises',
      'node:util',
    ],
    types: ['npm:@kubernetes/client-node'],
  },
];

/** Every room of the product. */
export const ROOMS: readonly Room[] = [...SHARED, ...SIDECAR, ...CONTROLLER];
