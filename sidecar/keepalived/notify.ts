import { close, constants, open } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

const openFile = promisify(open);
const closeFile = promisify(close);

/** States that keepalived's notify FIFO tells of (keepalived.conf(5), "vrrp_notify_fifo"). */
export const VRRP_STATES = ['MASTER', 'BACKUP', 'FAULT', 'STOP', 'DELETED'] as const;
export type VrrpState = (typeof VRRP_STATES)[number];

/** One line of the notify FIFO about an instance. */
export interface VrrpNotification {
  readonly instance: string;
  readonly state: VrrpState;
  readonly priority: number;
}

function isState(text: string | undefined): text is VrrpState {
  return VRRP_STATES.some((state) => state === text);
}

/** Parses a line such as `INSTANCE "vip" MASTER 253`; undefined for lines that tell of anything but an instance's state. */
export function parseNotification(line: string): VrrpNotification | undefined {
  const match = /^INSTANCE "([^"]+)" (\S+) (\d+)/.exec(line);
  const state = match?.[2];
  if (match?.[1] === undefined || !isState(state)) return undefined;
  return { instance: match[1], state, priority: Number(match[3]) };
}

/** The FIFO is not there, or just made and its mode not set. */
function isNotYet(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES');
}

const RETRY_MILLIS = 500;

/** Reads keepalived's notify FIFO. */
export class NotifyReader {
  readonly #path: string;
  readonly #onNotification: (notification: VrrpNotification) => void;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #opening = false;
  #stopped = false;
  #rest = '';

  constructor(options: { path: string }, dependencies: { onNotification: (notification: VrrpNotification) => void }) {
    this.#path = options.path;
    this.#onNotification = dependencies.onNotification;
  }

  /** Opens the FIFO when it is there and not open yet; harmless to call again, so call it whenever the directory changes. */
  async open(): Promise<void> {
    if (this.#socket !== undefined || this.#opening || this.#stopped) return;
    this.#opening = true;
    try {
      // Opened for writing as well, so that there is no end of file when keepalived goes away and comes back.
      const fd = await openFile(this.#path, constants.O_RDWR | constants.O_NONBLOCK);
      if (this.#stopped) await closeFile(fd);
      else this.#read(fd);
    } catch (error) {
      if (!isNotYet(error)) throw error;
      this.#retry();
    } finally {
      this.#opening = false;
    }
  }

  /** Closes the FIFO; may be called twice. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #retry(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.open().catch(() => this.#retry()), RETRY_MILLIS);
    this.#timer.unref();
  }

  #read(fd: number): void {
    const socket = new Socket({ fd, readable: true, writable: false });
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string | Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        const notification = parseNotification(line);
        if (notification !== undefined) this.#onNotification(notification);
      }
    });
    const forget = (): void => {
      if (this.#socket === socket) this.#socket = undefined;
    };
    socket.on('error', forget);
    socket.on('close', forget);
  }
}
