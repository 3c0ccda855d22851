const { ROOMS } = require('./scripts/walls/rooms.ts');
const { FLOORS } = require('./scripts/walls/floors.ts');
const { floorRules, TESTING, wallsOf } = require('./scripts/walls/rules.ts');

const PRODUCT = '^(api|common|controller|sidecar)/';

/**
 * Who may import whom: `scripts/walls/rooms.ts` lists for every room what it may. What is here holds everywhere.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
module.exports = {
  forbidden: [
    ...wallsOf(ROOMS),
    ...floorRules(FLOORS),
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or lack a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere, or to a package that package.json does not name.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'product-not-to-tests-or-scripts',
      comment: 'What is shipped stands alone.',
      severity: 'error',
      from: { path: PRODUCT, pathNot: TESTING },
      to: { path: `^(test|scripts)/|${TESTING}` },
    },
    {
      name: 'product-not-to-dev-dependencies',
      comment: 'What is shipped uses dependencies only; types are gone by then.',
      severity: 'error',
      from: { path: PRODUCT, pathNot: TESTING },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nobody-imports-main',
      comment: 'main.ts reads the environment, wires, exits: importing it would start the program.',
      severity: 'error',
      from: {},
      to: { path: '^(sidecar|controller)/main[.]ts$' },
    },
    {
      name: 'programs-apart',
      comment: 'They are two programs, also for tests: what both need is in common/ or api/.',
      severity: 'error',
      from: { path: '^(sidecar|controller)/' },
      to: { path: '^(sidecar|controller)/', pathNot: '^$1/' },
    },
    {
      name: 'ground-floor',
      comment: 'Both programs stand on it, also in tests: it knows neither.',
      severity: 'error',
      from: { path: '^(api|common)/' },
      to: { path: '^(controller|sidecar)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
