/**
 * Who may import whom. Data flows one way: probe → health → fitness → keepalived; server, Kubernetes and metrics look on.
 * Only `main.ts` and `agent.ts` know all parts.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
const TESTING = '/testing/|[.]test[.]ts$';
const PRODUCT = '^(api|common|controller|sidecar)/';

module.exports = {
  forbidden: [
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
      name: 'only-main-wires-the-agent',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: `^sidecar/main[.]ts$|${TESTING}` },
      to: { path: '^sidecar/agent[.]ts$' },
    },
    {
      name: 'pure-functions-have-no-io',
      comment: 'Decisions are pure: no clock, file, socket or library in them.',
      severity: 'error',
      from: { path: '^sidecar/(fitness/fitness|checks/thresholds|keepalived/(render|instance))[.]ts$' },
      to: { dependencyTypes: ['core', 'npm'], dependencyTypesNot: ['type-only'], path: '', pathNot: '^(node:)?net$' },
    },
    {
      name: 'probes-know-only-probing',
      comment: 'A probe answers one question. Who asks, and what follows from it, is not its business.',
      severity: 'error',
      from: { path: '^sidecar/probes/', pathNot: TESTING },
      to: {
        path: '^sidecar/(server|status|keepalived|kubernetes|checks|fitness|desired|sources|instances|runtime|agent|main)',
      },
    },
    {
      name: 'settings-know-nobody',
      severity: 'error',
      from: { path: '^sidecar/config/', pathNot: TESTING },
      to: { path: '^sidecar/(server|probes|kubernetes|agent|main)' },
    },
    {
      name: 'checks-and-fitness-do-not-reach-up',
      severity: 'error',
      from: { path: '^sidecar/(checks|fitness)/', pathNot: TESTING },
      to: { path: '^sidecar/(server|kubernetes|agent|main)' },
    },
    {
      name: 'keepalived-does-not-reach-up',
      severity: 'error',
      from: { path: '^sidecar/keepalived/', pathNot: TESTING },
      to: { path: '^sidecar/(server|probes|kubernetes|agent|main)' },
    },
    {
      name: 'server-only-shows',
      comment: 'Nothing that decides may depend on what shows it.',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: `^sidecar/(server/|agent[.]ts|main[.]ts)|${TESTING}` },
      to: { path: '^sidecar/server/' },
    },
    {
      name: 'express-in-the-server-only',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: `^sidecar/server/|${TESTING}` },
      to: { path: 'node_modules/(@types/)?express/' },
    },
    {
      name: 'kubernetes-client-in-kubernetes-only',
      comment: 'No path that keeps or moves an address may load the API client.',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: `^sidecar/kubernetes/|${TESTING}` },
      to: { path: 'node_modules/@kubernetes/client-node/' },
    },
    {
      name: 'types-of-resources-know-nobody',
      severity: 'error',
      from: { path: '^api/', pathNot: TESTING },
      to: { path: '^(controller|sidecar)/' },
    },
    {
      name: 'plan-is-pure',
      comment: 'What is planned rests on what it is given alone: no clock, file, socket or API.',
      severity: 'error',
      from: { path: '^controller/plan/', pathNot: TESTING },
      to: {
        path: '^(controller/(?!plan/)|sidecar/)|node_modules/',
        pathNot: 'node_modules/@types/node/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'agent-and-controller-apart',
      comment: 'They are two programs: what the controller borrows are small parts without a view of their own.',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: TESTING },
      to: { path: '^controller/' },
    },
    {
      name: 'controller-and-agent-apart',
      severity: 'error',
      from: { path: '^controller/' },
      to: { path: '^sidecar/' },
    },
    {
      name: 'ground-floor',
      comment: 'Both programs stand on it: it knows neither.',
      severity: 'error',
      from: { path: '^common/' },
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
