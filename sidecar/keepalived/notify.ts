import { close, constants, fstat, open, type Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { codeOf, messageOf } from '../../common/errors.ts';

const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);

/** States in the lines of keepalived's notify FIFO (keepalived.conf(5), "vrrp_notify_fifo"). */
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

/** Parses a line such as `INSTANCE "vip" MASTER 253`; undefined for lines of anything but an instance's state. */
export function parseNotification(line: string): VrrpNotification | undefined {
  const match = /^INSTANCE "([^"]+)" (\S+) (\d+)/.exec(line);
  const state = match?.[2];
  if (match?.[1] === undefined || !isState(state)) return undefined;
  return { instance: match[1], state, priority: Number(match[3]) };
}

/** The FIFO is not there, or just made and its mode not set. */
function isNotYet(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'EACCES';
}

const RETRY_MILLIS = 500;
/** How often it is polled whether the FIFO is still the one that is read, besides when somebody calls. */
const LOOK_MILLIS = 5000;
/** keepalived's lines are short; a longer one comes from somebody else. */
const LONGEST_LINE = 4096;

interface NotifyDependencies {
  readonly onNotification: (notification: VrrpNotification) => void;
  /** Called with the reason when the FIFO cannot be read, once, and with null when it can again; that it is not there yet is none. */
  readonly onProblem?: (problem: string | null) => void;
}

/** The FIFO that is read. */
interface Opened {
  readonly socket: Socket;
  /** By which it differs from another one of the same name. */
  readonly identity: string;
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** Reads keepalived's notify FIFO, and another one when that is made in its place. */
export class NotifyReader {
  readonly #path: string;
  readonly #dependencies: NotifyDependencies;
  #opened: Opened | undefined;
  #timer: NodeJS.Timeout | undefined;
  #opening: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #problem: string | null = null;

  constructor(options: { path: string }, dependencies: NotifyDependencies) {
    this.#path = options.path;
    this.#dependencies = dependencies;
  }

  /**
   * Opens the FIFO when it is there and not open yet. Call it whenever the directory changes. It goes on by itself from then on. Never
   * rejects.
   */
  open(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#again = this.#opening !== undefined;
    this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = undefined;
      if (this.#again) void this.open();
    });
    return this.#opening;
  }

  /** Closes the FIFO for good; may be called twice. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#close();
  }

  async #openOnce(): Promise<void> {
    clearTimeout(this.#timer);
    let retryMillis = LOOK_MILLIS;
    try {
      await this.#openFifo();
      this.#report(null);
    } catch (error) {
      if (isNotYet(error)) retryMillis = RETRY_MILLIS;
      else this.#report(messageOf(error));
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.open(), retryMillis);
    this.#timer.unref();
  }

  async #openFifo(): Promise<void> {
    // The one that is open goes on being read while there is none: whoever wrote to it may still do.
    if (this.#opened?.identity === identityOf(await lstat(this.#path))) return;
    // Opened for writing as well, so that there is no end of file when keepalived goes away and comes back.
    const fd = await openFile(this.#path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const stat = await statFile(fd);
    if (this.#stopped || !stat.isFIFO()) {
      await closeFile(fd);
      if (!stat.isFIFO()) throw new Error(`${this.#path} is no FIFO; remove it, another one is made then`);
      return;
    }
    this.#close();
    this.#read(fd, identityOf(stat));
  }

  #close(): void {
    this.#opened?.socket.destroy();
    this.#opened = undefined;
  }

  #report(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#dependencies.onProblem?.(problem);
  }

  #read(fd: number, identity: string): void {
    const socket = new Socket({ fd, readable: true, writable: false });
    this.#opened = { socket, identity };
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string | Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST_LINE) rest = '';
      for (const line of lines) {
        const notification = parseNotification(line);
        if (notification !== undefined) this.#dependencies.onNotification(notification);
      }
    });
    const forget = (): void => {
      if (this.#opened?.socket === socket) this.#opened = undefined;
    };
    socket.on('error', forget);
    socket.on('close', forget);
  }
}
