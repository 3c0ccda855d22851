import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Tests that start nothing outside their own process tree and need no privilege. */
const UNIT = [
  '{api,common,controller,sidecar,scripts}/**/*.test.ts',
  'test/{lab,bench,chaos,clients,cluster,demo,environment,support,unit}/**/*.test.ts',
];

/**
 * Integration tests that bound no time in which something has to happen but with plenty to spare: they mostly wait for one program after
 * the other, so that two run in little more than the time of one.
 */
const PARALLEL = [
  'test/package/*.test.ts',
  'test/integration/{api-traffic,crds,footprint,images,node-page,status-page}.test.ts',
];

/**
 * Files that nearly only wait: for five seconds until a sidecar looks at its network again, or for keepalived or HAProxy to say something. What they bound
 * is stretched by standstills of the machine, which they measure.
 */
const WAITING = [
  'test/integration/{foreign-router,interfaces,k0s-scenarios,lab-networks,networks,own-addresses,pools,ways-to-run}.test.ts',
  'test/integration/supervisor{,-addresses,-borders,-end,-inotify,-statements,-states}.test.ts',
  'test/integration/proxy-supervisor.test.ts',
];

/** Of those that run several at once, what takes longest: begun last, it would be waited for alone. */
const LONGEST = [
  ...['networks', 'interfaces', 'ways-to-run', 'own-addresses', 'pools', 'supervisor-states'].map(
    (name) => `/test/integration/${name}.test.ts`,
  ),
  ...['reference-examples', 'upgrade'].map((name) => `/test/e2e/${name}.test.ts`),
];

/** The longest first; else as Vitest does it, which knows on a fresh clone how large files are, and not how long they take. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((file) => moduleId.endsWith(file));
      return index < 0 ? LONGEST.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

/** Tests on a real Kubernetes; see scripts/e2e.ts. */
const E2E = 'test/e2e/**/*.test.ts';

/** Of those the ones that mostly wait for pods to begin and to end, and bound little else: two at a time, on a cluster each. */
const E2E_PAIRS = ['test/e2e/{install,names,reference-examples,security,upgrade}.test.ts'];

/** What both projects of these tests have. */
const E2E_TEST = { globalSetup: ['test/e2e/global-setup.ts'], testTimeout: 300_000, hookTimeout: 300_000 };

// biome-ignore lint/style/noDefaultExport: vitest takes its configuration from the default export, and from nothing else
export default defineConfig({
  test: {
    coverage: {
      provider: 'v8',
      include: ['{api,common,controller,sidecar}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**'],
      reporter: ['text-summary', 'html'],
    },
    teardownTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: UNIT,
          testTimeout: 20_000,
          hookTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // After the unit tests, which use every core.
        test: {
          name: 'integration-parallel',
          include: PARALLEL,
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'integration-waiting',
          include: WAITING,
          maxWorkers: 4,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // Namespaces, addresses and measured times: one file after the other, and not beside others.
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [...UNIT, ...PARALLEL, ...WAITING, E2E],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        // One cluster for all files, one file after the other.
        test: {
          name: 'e2e',
          include: [E2E],
          exclude: E2E_PAIRS,
          ...E2E_TEST,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 4 },
        },
      },
      {
        // On the user's cluster one after the other as well. After the others, which nothing disturbs: a second cluster does something all the time.
        test: {
          name: 'e2e-pairs',
          include: E2E_PAIRS,
          ...E2E_TEST,
          maxWorkers: process.env.KUBECONFIG ? 1 : 2,
          sequence: { groupOrder: 5 },
        },
      },
    ],
  },
});
