import type { Logger } from 'pino';
import { NotifyReader, type VrrpNotification } from '../keepalived/notify.ts';
import type { Part } from './part.ts';

interface NotificationsDependencies {
  readonly onNotification: (notification: VrrpNotification) => void;
  /** Called when {@link Notifications.problem} changed. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/** What keepalived says of its instances. */
export class Notifications implements Part {
  readonly #reader: NotifyReader;
  #problem: string | null = null;

  /** @param options.path the FIFO */
  constructor(options: { path: string }, { onNotification, onChange, log }: NotificationsDependencies) {
    this.#reader = new NotifyReader(options, {
      onNotification,
      onProblem: (problem) => {
        this.#problem = problem;
        if (problem === null) log.info('keepalived is heard again');
        else log.error({ problem }, 'what keepalived says cannot be read; trying again');
        onChange();
      },
    });
  }

  /** Why it cannot be read; null when it can. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Opens the FIFO when it is there; to be called again when it may have been made. Never rejects. */
  start(): Promise<void> {
    return this.#reader.open();
  }

  stop(): void {
    this.#reader.stop();
  }
}
