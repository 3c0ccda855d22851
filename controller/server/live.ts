import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TimerHandle, Timers } from '../../common/clock.ts';
import { sendJson } from '../../common/http-answer.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';

/** Proxies close connections on which nothing comes; browsers then connect again by themselves. */
const COMMENT_EVERY_MS = 20_000;
/** A page is redrawn this often at most. */
const INTERVAL_MS = 250;
/** More pages than this are turned away: each costs memory for as long as it is open. */
const MOST_CLIENTS = 50;

/** A page that takes nothing any more is given up. */
const BACKLOG_LIMIT_BYTES = 4 * 1024 * 1024;

interface LiveDependencies {
  readonly timers: Timers;
  /** What is sent, made when it is. */
  readonly body: () => unknown;
}

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) with the whole state in each. */
export class LiveStatus {
  readonly #dependencies: LiveDependencies;
  readonly #clients = new Set<ServerResponse>();
  #last = '';
  #pending: TimerHandle;
  #isPending = false;
  #comment: TimerHandle;

  constructor(dependencies: LiveDependencies) {
    this.#dependencies = dependencies;
  }

  /** Pages that listen. */
  get size(): number {
    return this.#clients.size;
  }

  /** Says that the state may have changed; pages get it soon, if it did. */
  changed(): void {
    if (this.#isPending || this.#clients.size === 0) return;
    this.#isPending = true;
    this.#pending = this.#dependencies.timers.setTimeout(() => this.#send(), INTERVAL_MS);
  }

  /** Takes a page on. */
  connect(request: IncomingMessage, response: ServerResponse): void {
    if (this.#clients.size >= MOST_CLIENTS) {
      response.setHeader('Retry-After', '60');
      const reason = 'too many pages listen already';
      sendJson(response, { ok: false, reason }, HTTP_STATUS.serviceUnavailable);
      return;
    }
    const headers = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' };
    response.writeHead(HTTP_STATUS.ok, headers).flushHeaders();
    const message = this.#message();
    response.write(message);
    // The others get it when it is their turn.
    if (this.#clients.size === 0) this.#last = message;
    this.#clients.add(response);
    request.on('close', () => this.#clients.delete(response));
    if (this.#clients.size === 1) this.#keepOpen();
  }

  /** Lets all pages go; may be called twice. */
  stop(): void {
    this.#dependencies.timers.clearTimeout(this.#pending);
    this.#dependencies.timers.clearTimeout(this.#comment);
    this.#isPending = false;
    for (const client of this.#clients) client.end();
    this.#clients.clear();
  }

  #message(): string {
    return `retry: 2000\ndata: ${JSON.stringify(this.#dependencies.body())}\n\n`;
  }

  #send(): void {
    this.#isPending = false;
    const message = this.#message();
    if (message === this.#last) return;
    this.#last = message;
    for (const client of this.#clients) {
      if (client.writableLength > BACKLOG_LIMIT_BYTES) client.destroy();
      else client.write(message);
    }
  }

  #keepOpen(): void {
    const { timers } = this.#dependencies;
    timers.clearTimeout(this.#comment);
    this.#comment = timers.setTimeout(() => {
      for (const client of this.#clients) client.write(': still here\n\n');
      if (this.#clients.size > 0) this.#keepOpen();
    }, COMMENT_EVERY_MS);
  }
}
