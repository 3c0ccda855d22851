import { execa } from 'execa';
import { type InstallOptions, NAMESPACE, RELEASE } from '../environment/release.ts';
import type { Site } from '../environment/site.ts';
import { waitFor } from '../support/wait.ts';

const START_LIMIT_MS = 30_000;
const COLUMNS = {
  EVENT: '.type',
  UID: '.object.metadata.uid',
  READY: '.object.status.conditions[?(@.type=="Ready")].status',
  DELETED: '.object.metadata.deletionTimestamp',
} as const;
const NOTHING = '<none>';

/** kubectl that prints a line for each event of the release's pods. */
function watchPods({ description }: Site, { release = RELEASE, namespace = NAMESPACE }: InstallOptions) {
  const columns = Object.entries(COLUMNS).map(([name, path]) => `${name}:${path}`);
  const args = [
    ...['get', 'pods', '-n', namespace, '-l', `app.kubernetes.io/instance=${release}`],
    ...['--watch', '--output-watch-events', '--no-headers', '-o', `custom-columns=${columns.join(',')}`],
  ];
  return execa(description.kubectl, args, {
    env: { KUBECONFIG: description.kubeconfig },
    stdin: 'ignore',
    buffer: false,
    reject: false,
  });
}

/** Counts the pods of a release that serve, from every event that the API tells of them. */
export class PodWatch {
  readonly #serving = new Set<string>();
  readonly #history: number[] = [];
  readonly #process: ReturnType<typeof watchPods>;
  #rest = '';

  constructor(site: Site, options: InstallOptions = {}) {
    this.#process = watchPods(site, options);
    this.#process.stdout?.on('data', (chunk: Buffer) => this.#take(chunk.toString()));
  }

  /** Waits until as many pods serve: only then a watch of a rollout has begun. */
  async begin(pods: number): Promise<void> {
    await waitFor(`${pods} pods that serve`, () => this.#serving.size === pods, { limitMs: START_LIMIT_MS });
    this.#history.length = 0;
  }

  /** The least number of pods that served at the same time since `begin`: Ready, and nobody asked them to end. */
  get leastServing(): number {
    return Math.min(this.#serving.size, ...this.#history);
  }

  /** Ends the watch. May be called twice. */
  async end(): Promise<void> {
    this.#process.kill();
    await this.#process;
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [event, uid = '', ready, deleted] = line.trim().split(/\s+/);
      const serves = event !== 'DELETED' && ready === 'True' && deleted === NOTHING;
      if (serves) this.#serving.add(uid);
      else this.#serving.delete(uid);
      this.#history.push(this.#serving.size);
    }
  }
}
