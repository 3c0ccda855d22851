import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { codeOf } from '../../common/errors.ts';
import { sendRequest } from '../../common/http-request.ts';
import { HTTP_STATUS } from '../../common/http-status.ts';

/** The kubelet's limit (k8s.io/kubernetes/pkg/probe/http): what a health page says beyond it changes nothing. */
const MAX_BODY_BYTES = 10 * 1024;

/** X-Load-Balancing-Endpoint-Weight of kube-proxy (k8s.io/kubernetes/pkg/proxy/healthcheck). */
const ENDPOINT_WEIGHT = 'x-load-balancing-endpoint-weight';

/** One GET. */
export interface RequestOptions {
  /** http: or https:, without user information. */
  readonly url: URL;
  /** For everything together: name look-up, connection, TLS, headers and body. */
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM text; the server's certificate is verified against it. Undefined: it is not verified. */
  readonly ca: string | undefined;
  /** A client's certificate and its key, as PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
}

/** What came of a GET. */
export type RequestOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly location: string | undefined;
      readonly body: string;
      /** The header by which kube-proxy says how many endpoints a node has. */
      readonly endpointWeight?: string;
    }
  | { readonly kind: 'error'; readonly code: string | undefined; readonly message: string; readonly phase: Phase }
  | { readonly kind: 'timeout'; readonly phase: Phase }
  | { readonly kind: 'aborted' };

/** How far a request had come when it ended. */
export type Phase = 'connecting' | 'handshaking' | 'waiting' | 'reading';

interface Progress {
  phase: Phase;
}

/** An agent for one request, which notes how far the connection has come. No keep-alive: a probe shows that connections are taken. */
function createAgent(progress: Progress, { url, ca, certificate }: RequestOptions): HttpAgent {
  const secure = url.protocol === 'https:';
  const agent = secure
    ? new HttpsAgent({
        keepAlive: false,
        // No session is resumed either: each probe sees a whole handshake.
        maxCachedSessions: 0,
        rejectUnauthorized: ca !== undefined,
        ...(ca === undefined ? {} : { ca }),
        ...certificate,
      })
    : new HttpAgent({ keepAlive: false });
  watchConnections(agent, (socket) => {
    socket.once('connect', () => advance(progress, secure ? 'handshaking' : 'waiting'));
    if (secure) socket.once('secureConnect', () => advance(progress, 'waiting'));
  });
  return agent;
}

function watchConnections(agent: HttpAgent, watch: (socket: Duplex) => void): void {
  const createConnection = agent.createConnection.bind(agent);
  agent.createConnection = (...parameters: Parameters<typeof createConnection>) => {
    const socket = createConnection(...parameters);
    if (socket) watch(socket);
    return socket;
  };
}

function advance(progress: Progress, phase: Phase): void {
  progress.phase = phase;
}

/**
 * Makes one GET as the kubelet makes its probes: no proxy from the environment, no redirect followed, no connection kept, at most
 * 10 KiB of the body read. Never rejects.
 * @param options what to ask, and for how long
 * @param signal ends the request early
 */
export async function request(options: RequestOptions, signal: AbortSignal): Promise<RequestOutcome> {
  const progress: Progress = { phase: 'connecting' };
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    // One more turn of the event loop: when this process was late itself, the answer may be there and only not yet read.
    setImmediate(() => {
      timedOut = true;
      controller.abort();
    });
  }, options.timeoutMs);
  const abort = () => controller.abort();
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await exchange(options, progress, controller.signal);
  } catch (error) {
    if (timedOut) return { kind: 'timeout', phase: progress.phase };
    if (signal.aborted) return { kind: 'aborted' };
    return { kind: 'error', ...describe(error), phase: progress.phase };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    controller.abort();
  }
}

async function exchange(options: RequestOptions, progress: Progress, signal: AbortSignal): Promise<RequestOutcome> {
  const response = await sendRequest({
    url: options.url,
    headers: { Accept: '*/*', 'Accept-Encoding': 'identity', ...options.headers },
    agent: createAgent(progress, options),
    signal,
  });
  advance(progress, 'reading');
  const { location, [ENDPOINT_WEIGHT]: weight } = response.headers;
  return {
    kind: 'answer',
    status: response.statusCode ?? 0,
    location,
    body: await readBody(response),
    ...(typeof weight === 'string' ? { endpointWeight: weight } : {}),
  };
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      const buffer = Buffer.from(chunk);
      chunks.push(buffer);
      length += buffer.length;
      if (length >= MAX_BODY_BYTES) break;
    }
  } catch (error) {
    // A server that closes with part of the request unread resets the connection behind its 400; what it said before counts.
    if (response.statusCode !== HTTP_STATUS.badRequest || length === 0) throw error;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8');
}

/** Code and text of an error. */
function describe(error: unknown): { code: string | undefined; message: string } {
  const cause = error instanceof AggregateError && error.errors.length > 0 ? commonError(error) : error;
  if (!(cause instanceof Error)) return { code: undefined, message: String(cause) };
  const code = codeOf(cause);
  return { code, message: cause.message === '' ? (code ?? cause.name) : cause.message };
}

/** Of the attempts at several addresses of one name: one that says more than "refused", otherwise any. */
function commonError(error: AggregateError): unknown {
  const errors: unknown[] = error.errors;
  return errors.find((each) => codeOf(each) !== 'ECONNREFUSED') ?? errors[0];
}
