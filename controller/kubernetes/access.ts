import {
  KubeConfig,
  type ObservableMiddleware,
  type RequestContext,
  setHeaderMiddleware,
} from '@kubernetes/client-node';
import type { Clock } from '../../common/clock.ts';

/** Connections made with a certificate authority that was replaced are given up within this time. */
const DISPATCHER_LIFE_MS = 3_600_000;
/** No request is longer: what hangs is tried again. Watches have limits of their own. */
export const REQUEST_LIMIT_MS = 15_000;

type Dispatcher = ReturnType<RequestContext['getDispatcher']>;

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
    const dispatcher = context.getDispatcher();
    if (dispatcher === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    if (this.#shared === undefined || nowMs >= this.#shared.untilMs) {
      this.#shared = { dispatcher, untilMs: nowMs + DISPATCHER_LIFE_MS };
    }
    if (this.#shared.dispatcher !== undefined) context.setDispatcher(this.#shared.dispatcher);
  }
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
