import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { VrrpState } from '../keepalived/notify.ts';
import { StateInquiry } from '../keepalived/state-inquiry.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { SupervisorStatus } from '../runtime/supervisor-status.ts';
import type { Configuration } from './configuration.ts';
import type { Part } from './part.ts';

interface SupervisorDependencies {
  readonly keepalived: Runtime['keepalived'];
  readonly configuration: Pick<Configuration, 'report' | 'reconcile'>;
  /** Called with the states of instances that keepalived reported when asked. */
  readonly learn: (states: ReadonlyMap<string, VrrpState>) => void;
  /** Called when it judged a configuration otherwise than before. */
  readonly onChange: () => void;
  /** Called when it says something else of the virtual servers than before. */
  readonly onVirtualServers: () => void;
  readonly log: Logger;
}

/** The exchange with keepalived's supervisor: its status, and requests to it. */
export class Supervisor implements Part {
  readonly #dependencies: SupervisorDependencies;
  readonly #inquiry: StateInquiry;
  #status: SupervisorStatus | undefined;

  constructor(dependencies: SupervisorDependencies) {
    const { keepalived, log } = dependencies;
    this.#dependencies = dependencies;
    this.#inquiry = new StateInquiry({
      request: () => keepalived.requestStates(),
      onError: (error) => log.warn({ err: error }, 'cannot ask for the states of instances'),
    });
  }

  /** Its last status; undefined before the first. */
  get status(): SupervisorStatus | undefined {
    return this.#status;
  }

  start(): Promise<void> {
    return this.read();
  }

  /** Requests the states of all instances, unless that was done a moment ago. */
  requestStates(): void {
    this.#inquiry.ask();
  }

  /** Reads its status now. Rejects with the system's error. */
  async read(): Promise<void> {
    const { keepalived, configuration, learn, onChange, onVirtualServers } = this.#dependencies;
    const before = this.#status;
    const status = await keepalived.readStatus();
    this.#status = status;
    configuration.report(status?.runningSha256);
    if (status !== undefined) learn(this.#inquiry.answered(status));
    // What may be on the interfaces because of this release decides which addresses are the node's own.
    if (!isDeepStrictEqual(status?.listed, before?.listed)) await configuration.reconcile();
    if (status?.result !== before?.result) onChange();
    if (!isDeepStrictEqual(status?.virtualServers, before?.virtualServers)) onVirtualServers();
    this.#logRefusal(status, before);
  }

  #logRefusal(status: SupervisorStatus | undefined, before: SupervisorStatus | undefined): void {
    if (status?.result !== 'rejected' || status.rejectedTotal === before?.rejectedTotal) return;
    this.#dependencies.log.error(
      { exitCode: status.exitCode, messages: status.messages },
      'keepalived refused a configuration; the last good one runs on',
    );
  }
}
