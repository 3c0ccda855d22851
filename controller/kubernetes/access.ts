import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import {
  KubeConfig,
  type ObservableMiddleware,
  type RequestContext,
  setHeaderMiddleware,
} from '@kubernetes/client-node';
import { type Clock, systemClock } from '../../common/clock.ts';

/** Connections made with a certificate authority that was replaced are given up within this time. */
const DISPATCHER_LIFE_MS = 3_600_000;
/** A connection that rests longer is closed: before the API server does it, while a request is on its way there. */
const REST_MS = 4000;
/** No request is longer: what hangs is tried again. Watches have limits of their own. */
export const REQUEST_LIMIT_MS = 15_000;

type Dispatcher = ReturnType<RequestContext['getDispatcher']>;
type DispatcherOptions = ReturnType<KubeConfig['createDispatcherOptions']>;

/**
 * Access to the API server whose requests share connections. client-node 2.0 makes a dispatcher for every request, so that each would begin
 * with a TLS handshake; hundreds of NodePlans are written at once.
 */
export class SharedKubeConfig extends KubeConfig {
  readonly #clock: Clock;
  #shared: { readonly dispatcher: Dispatcher; readonly untilMs: number } | undefined;

  constructor(dependencies: { clock: Clock }) {
    super();
    this.#clock = dependencies.clock;
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context);
    const made = context.getDispatcher();
    if (made !== undefined) {
      this.#shared = { dispatcher: made, untilMs: this.#clock.monotonicMs() + DISPATCHER_LIFE_MS };
    } else if (this.#shared?.dispatcher !== undefined) {
      context.setDispatcher(this.#shared.dispatcher);
    }
  }

  /** While there is one none is made for nothing: reading certificates takes its time, and so would thousands of requests. */
  override createDispatcherOptions(
    ...[cluster, agentOptions]: Parameters<KubeConfig['createDispatcherOptions']>
  ): DispatcherOptions {
    const isYoung = this.#shared !== undefined && this.#clock.monotonicMs() < this.#shared.untilMs;
    return isYoung ? { type: 'none' } : super.createDispatcherOptions(cluster, agentOptions);
  }
}

/** What a request by Node's own client is made with. */
export interface Connection {
  readonly agent: HttpAgent;
  /** Say who asks. */
  readonly headers: Readonly<Record<string, string>>;
}

const agents = new WeakMap<KubeConfig, { readonly agent: HttpAgent; readonly untilMs: number }>();

function makeAgent(server: string, { ca, cert, key, rejectUnauthorized, servername }: RequestOptions): HttpAgent {
  const kept = { keepAlive: true, timeout: REST_MS };
  if (server.startsWith('http:')) return new HttpAgent(kept);
  return new HttpsAgent({ ...kept, ca, cert, key, rejectUnauthorized, servername });
}

/** What says who asks: a token, or the name and password of a kubeconfig for an API server behind a proxy that asks for these. */
function headersOf({ headers = {}, auth }: RequestOptions): Readonly<Record<string, string>> {
  const given = Object.entries(headers).map(([name, value]) => [name, `${value}`]);
  const basic = auth ? [['Authorization', `Basic ${Buffer.from(auth).toString('base64')}`]] : [];
  return Object.fromEntries([...given, ...basic]);
}

/**
 * How the API server is asked by Node's own client: it takes a third of the time that the library's takes for a request. Requests share
 * connections.
 */
export async function connectionOf(access: KubeConfig, clock: Clock = systemClock): Promise<Connection> {
  const options: RequestOptions = {};
  await access.applyToHTTPSOptions(options);
  const headers = headersOf(options);
  const { proxyUrl, server = '' } = access.getCurrentCluster() ?? {};
  // Through a proxy the library knows the way. It keeps its agent for ever: only a kubeconfig has a proxy, which is read once as well.
  if (proxyUrl && options.agent instanceof HttpAgent) return { agent: options.agent, headers };
  const nowMs = clock.monotonicMs();
  const known = agents.get(access);
  if (known !== undefined && nowMs < known.untilMs) return { agent: known.agent, headers };
  const agent = makeAgent(server, options);
  agents.set(access, { agent, untilMs: nowMs + DISPATCHER_LIFE_MS });
  return { agent, headers };
}

/**
 * Access as the pod's service account has it, or as a kubeconfig file says, for development.
 * @param file path of a kubeconfig; empty: in the cluster
 * @throws Error when there is neither
 */
export function loadAccess(file: string, dependencies: { clock: Clock }): SharedKubeConfig {
  const config = new SharedKubeConfig(dependencies);
  if (file === '') config.loadFromCluster();
  else config.loadFromFile(file);
  return config;
}

/** Options of a request: its time limit, and headers besides. */
export function requestOptions(headers: Readonly<Record<string, string>> = {}): {
  middleware: ObservableMiddleware[];
  middlewareMergeStrategy: 'append';
} {
  const limit = setHeaderMiddleware('Accept', 'application/json');
  const timed: ObservableMiddleware = {
    pre: (request) => {
      request.setSignal(AbortSignal.timeout(REQUEST_LIMIT_MS));
      return limit.pre(request);
    },
    post: (response) => limit.post(response),
  };
  return {
    middleware: [timed, ...Object.entries(headers).map(([key, value]) => setHeaderMiddleware(key, value))],
    middlewareMergeStrategy: 'append',
  };
}
