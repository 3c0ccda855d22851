import { HTTP_STATUS } from '../../common/http-status.ts';
import {
  authorized,
  type CredentialFiles,
  type Credentials,
  CredentialsError,
  type ReadFile,
  readCredentials,
} from '../../common/kubernetes-access.ts';
import { userAgentOf } from '../../common/user-agent.ts';
import { Attempt } from './attempt.ts';
import { judgeOutcome } from './judge-outcome.ts';
import { type RequestOutcome, request } from './request.ts';
import type { Probe, ProbeResult } from './types.ts';

interface KubernetesApiProbeOptions extends CredentialFiles {
  /** https: URL of the API server's health endpoint, e.g. https://10.43.0.1:443/readyz. */
  readonly url: string;
  readonly timeoutSeconds: number;
  /** Name that is asked for, and that the certificate is to have; absent: the URL's. */
  readonly host?: string | undefined;
  readonly userAgent?: string | undefined;
}

interface KubernetesApiProbeDependencies {
  readonly readFile?: ReadFile;
}

/**
 * Asks whether this node can reach the Kubernetes API: the API server's health endpoint, its certificate always verified against the
 * cluster's CA, with the pod's token. Both are read for each probe, because the kubelet rotates them in place.
 *
 * 200 is expected. 401 and 403 count as success too: the check lowers a node's priority because the node cannot reach the API, and an
 * answer over a verified connection shows that it can. What is wrong then is the token or its rights, which is ours and mostly the
 * same on all nodes; moving the address would mend nothing. The reason says so, for whoever reads /status.
 */
export class KubernetesApiProbe implements Probe {
  readonly target: string;
  readonly #url: URL;
  readonly #options: KubernetesApiProbeOptions;
  readonly #readFile: ReadFile | undefined;

  /** @param options what to ask and with what; throws TypeError when the URL is none */
  constructor(options: KubernetesApiProbeOptions, { readFile }: KubernetesApiProbeDependencies = {}) {
    this.#options = options;
    this.#url = new URL(options.url);
    this.#url.username = '';
    this.#url.password = '';
    this.target = this.#url.href;
    this.#readFile = readFile;
  }

  /** Asks once; see Probe. */
  async probe(signal: AbortSignal): Promise<ProbeResult> {
    const attempt = new Attempt();
    if (this.#url.protocol !== 'https:') {
      return attempt.failure(
        `${this.target} was not asked: the token is sent over https only; write https:// in the URL`,
      );
    }
    try {
      const credentials = await readCredentials(this.#options, this.#readFile);
      return this.#judge(await this.#request(credentials, attempt, signal), attempt);
    } catch (error) {
      if (error instanceof CredentialsError) {
        return attempt.connectionError(`${this.target} was not asked: ${error.message}`, error.code);
      }
      throw error;
    }
  }

  #request({ ca, token, certificate }: Credentials, attempt: Attempt, signal: AbortSignal): Promise<RequestOutcome> {
    const { host, userAgent } = this.#options;
    const headers = {
      ...authorized(token, userAgent ?? userAgentOf()),
      ...(host === undefined ? {} : { Host: host }),
    };
    const timeoutMs = Math.max(0, this.#options.timeoutSeconds * 1000 - attempt.elapsedMs);
    return request({ url: this.#url, timeoutMs, headers, ca, certificate }, signal);
  }

  #judge(outcome: RequestOutcome, attempt: Attempt): ProbeResult {
    const { timeoutSeconds } = this.#options;
    return judgeOutcome(outcome, { url: this.#url, timeoutSeconds, attempt }, (asked, { status }) =>
      judgeStatus(asked, status, attempt),
    );
  }
}

function judgeStatus(asked: string, status: number, attempt: Attempt): ProbeResult {
  if (status === HTTP_STATUS.ok) return attempt.success(`${asked} answered 200`);
  if (status === HTTP_STATUS.unauthorized) {
    return attempt.success(`${asked} answered 401: the API server is reached, but does not accept this pod's token`);
  }
  if (status === HTTP_STATUS.forbidden) {
    return attempt.success(
      `${asked} answered 403: the API server is reached, but this pod's service account may not read that path`,
    );
  }
  return attempt.failure(`${asked} answered ${status}, expected 200`);
}
