import type { Floor } from './rules.ts';

/** What only tests use, from the ground up. */
export const FLOORS: readonly Floor[] = [
  { folders: ['test/support'], what: 'Namespaces, processes, containers, waiting, saying: knows nobody of test/.' },
  { folders: ['test/clients'], what: 'Clients of addresses, and what they see.' },
  { folders: ['test/lab', 'test/cluster'], what: 'Two places with nodes, each with its faults and its command line.' },
  { folders: ['test/environment'], what: 'Both places by the same calls, and the strike on the holder.' },
  { folders: ['test/peers'], what: 'Other load balancers, installed by their own manifests.' },
  { folders: ['test/bench'], what: 'Measures in an environment, and writes the page.' },
  {
    folders: ['test/chaos', 'test/demo', 'test/e2e', 'test/integration', 'test/kubernetes', 'test/migration'],
    what: 'Shows and tests in an environment.',
  },
];
