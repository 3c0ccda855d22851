import type { Logger } from 'pino';
import { PROXY, type ProxyStatus } from '../runtime/proxy-exchange.ts';
import type { ProxyRuntime } from '../runtime/runtime.ts';
import type { Part } from './part.ts';

/** Where changes of the directory cannot be seen, the status is read so often. */
const POLL_MS = 5000;

interface ProxySupervisorDependencies {
  readonly runtime: Pick<ProxyRuntime, 'directory' | 'process'>;
  /** Called when HAProxy has another worker than before, which knows nothing of what the one before was told. */
  readonly onWorker: () => void;
  readonly log: Logger;
}

/**
 * What keeps HAProxy from what was asked of it, in sentences. Nothing is said before its supervisor reported for the first time: the
 * container may be on its way. Pure.
 */
export function proxyProblems(status: ProxyStatus | undefined): string[] {
  if (status === undefined) return [];
  const { haproxyPid, result, messages, reloadFailure } = status;
  return [
    ...(haproxyPid === undefined ? ['HAProxy does not run; the log of the container proxy says why'] : []),
    ...(result === 'rejected' ? [`HAProxy refused the configuration: ${messages.join('; ')}`] : []),
    ...(reloadFailure === undefined
      ? []
      : [`HAProxy could not be reloaded and goes on with the configuration it had: ${reloadFailure}`]),
  ];
}

/** What the supervisor of HAProxy reports: read when it changes. */
export class ProxySupervisor implements Part {
  readonly #dependencies: ProxySupervisorDependencies;
  #status: ProxyStatus | undefined;
  #timer: NodeJS.Timeout | undefined;
  #problems: readonly string[] = [];
  #running = false;

  constructor(dependencies: ProxySupervisorDependencies) {
    this.#dependencies = dependencies;
  }

  /** What it reported last; undefined before its first report. */
  get status(): ProxyStatus | undefined {
    return this.#status;
  }

  /** What keeps HAProxy from what was asked of it, in sentences. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async start(): Promise<void> {
    this.#running = true;
    this.#dependencies.runtime.directory.watch((name) => {
      if (name === PROXY.status) void this.#read();
    });
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.#read(), POLL_MS).unref();
    await this.#read();
  }

  stop(): void {
    this.#running = false;
    clearInterval(this.#timer);
    this.#dependencies.runtime.directory.stop();
  }

  /** Never rejects: a status that cannot be read is none. */
  async #read(): Promise<void> {
    const { runtime, onWorker } = this.#dependencies;
    const status = await runtime.process.readStatus();
    if (!this.#running) return;
    const before = this.#status;
    this.#status = status;
    this.#tell(proxyProblems(status));
    if (before !== undefined && status?.workersTotal !== before.workersTotal) onWorker();
  }

  #tell(problems: readonly string[]): void {
    const { log } = this.#dependencies;
    const before = this.#problems;
    this.#problems = problems;
    for (const problem of problems)
      if (!before.includes(problem)) log.error({ problem }, 'the proxy is not as it should be');
    if (problems.length === 0 && before.length > 0) log.info('the proxy is as it should be again');
  }
}
