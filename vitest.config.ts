import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Tests that start nothing outside their own process tree and need no privilege. */
const UNIT = [
  '{api,common,controller,sidecar,scripts}/**/*.test.ts',
  'test/{lab,bench,chaos,clients,cluster,demo,environment,kubernetes,migration,peers,support,unit}/**/*.test.ts',
];

/**
 * Integration tests that bound no time in which something has to happen but with plenty to spare: they mostly wait for one program after
 * the other, so that two run in little more than the time of one. A Linux in user mode, as for virtual servers, has one core and no use for a
 * second.
 */
const PARALLEL = [
  'test/package/*.test.ts',
  'test/integration/{api-traffic,crds,footprint,images,node-page,service-rights,status-page}.test.ts',
  'test/integration/{everywhere,redirects,replicas,virtual-servers}.test.ts',
];

/**
 * Files that nearly only wait: for five seconds until a sidecar looks at its network again, or for keepalived or HAProxy to say something. What they bound
 * is stretched by standstills of the machine, which they measure.
 */
const WAITING = [
  'test/integration/{foreign-router,interfaces,k0s-scenarios,lab-networks,multicast-groups,networks,own-addresses,pools,ways-to-run}.test.ts',
  'test/integration/supervisor{,-addresses,-borders,-end,-inotify,-loopback,-statements,-states}.test.ts',
  'test/integration/{full-directory,netns-asker,proxy-supervisor,translated-connections}.test.ts',
];

/** Of those that run several at once, what takes longest: begun last, it would be waited for alone. */
const LONGEST = [
  ...['networks', 'interfaces', 'ways-to-run', 'own-addresses', 'pools', 'supervisor-states'].map(
    (name) => `/test/integration/${name}.test.ts`,
  ),
  ...['virtual-servers', 'redirects', 'everywhere', 'crds'].map((name) => `/test/integration/${name}.test.ts`),
  ...['reference-examples', 'upgrade', 'services', 'service-cases', 'everywhere'].map(
    (name) => `/test/e2e/${name}.test.ts`,
  ),
];

/**
 * The longest first, then the largest: in one order on every machine. Vitest begins with what failed or took long the last time, so that what one
 * file of tests leaves to the next is seen on another machine, or never.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const orders = files.map((file) => {
      const { moduleId } = file;
      const index = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return { file, moduleId, place: index < 0 ? LONGEST.length : index, size: statSync(moduleId).size };
    });
    return orders
      .toSorted((a, b) => a.place - b.place || b.size - a.size || a.moduleId.localeCompare(b.moduleId))
      .map(({ file }) => file);
  }
}

/** Tests on a real Kubernetes; see scripts/e2e.ts. */
const E2E = 'test/e2e/**/*.test.ts';

/**
 * Of those the ones that mostly wait for pods, addresses and controllers, and bound what they time with plenty to spare: two at a time, on a
 * cluster each. What they cordon, cut off or replace is their own cluster's.
 */
const E2E_PAIRS = [
  'test/e2e/{install,names,reference-examples,security,upgrade}.test.ts',
  'test/e2e/{everywhere,service-cases,services}.test.ts',
];

/** What both projects of these tests have. */
const E2E_TEST = { globalSetup: ['test/e2e/global-setup.ts'], testTimeout: 300_000, hookTimeout: 300_000 };

/**
 * `--retry=0` of the command line, which Vitest does not ask where a block says itself how often it is done again (test/support/machine-watch.ts).
 */
const NEVER_AGAIN = /\s--retry[= ]0(\s|$)/.test(` ${process.argv.slice(2).join(' ')}`);

// biome-ignore lint/style/noDefaultExport: vitest takes its configuration from the default export, and from nothing else
export default defineConfig({
  test: {
    coverage: {
      provider: 'v8',
      include: ['{api,common,controller,sidecar}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**'],
      reporter: ['text-summary', 'html'],
    },
    env: NEVER_AGAIN ? { TEST_REPEATS: '0' } : {},
    teardownTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: UNIT,
          // Else Vitest keeps one to itself, and with two runs one file after the other, when all else is over.
          maxWorkers: availableParallelism(),
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
