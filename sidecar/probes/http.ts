import { HTTP_STATUS } from '../../common/http-status.ts';
import { userAgentOf } from '../../common/user-agent.ts';
import { Attempt } from './attempt.ts';
import { type Answer, judgeOutcome } from './judge-outcome.ts';
import { type RequestOutcome, request } from './request.ts';
import type { Probe, ProbeResult } from './types.ts';

/** What an HTTP probe asks, and which answers please it. */
export interface HttpProbeOptions {
  /** http: or https:. User information in it is never sent. */
  readonly url: string;
  /** For the whole attempt, from the connection to the end of the body. */
  readonly timeoutSeconds: number;
  readonly expectedStatuses: readonly number[];
  /** Host header, and for https the name that is asked for and verified; empty: the URL's. */
  readonly host: string;
  /** PEM text to verify the server's certificate against; undefined: not verified, as by the kubelet's httpGet. */
  readonly ca?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Further headers; those that carry credentials are left out. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const CREDENTIAL_HEADERS = new Set(['authorization', 'proxy-authorization', 'cookie']);

/** What servers answer (with status 400) to plain HTTP on a port that speaks TLS: Go's net/http and nginx. */
const SPEAKS_TLS = /Client sent an HTTP request to an HTTPS server|The plain HTTP request was sent to HTTPS port/;

/**
 * Asks an HTTP or HTTPS URL, as the kubelet's httpGet does, except that it answers to the statuses it was given and follows no redirect.
 * When plain HTTP is answered by "this port speaks TLS", it asks again over TLS and keeps to it (docs/adr/0019-plain-http-to-a-tls-port.md).
 */
export class HttpProbe implements Probe {
  readonly target: string;
  readonly #url: URL;
  readonly #options: HttpProbeOptions;
  /** Plain HTTP was configured, but the port has said that it speaks TLS. */
  #overTls = false;

  /** @param options what to ask; throws TypeError when the URL is none */
  constructor(options: HttpProbeOptions) {
    this.#options = options;
    this.#url = withoutCredentials(options.url);
    this.target = this.#url.href;
  }

  /** Asks once; see Probe. */
  async probe(signal: AbortSignal): Promise<ProbeResult> {
    const attempt = new Attempt();
    if (!this.#overTls) return this.#askAsWritten(attempt, signal);
    const outcome = await this.#request(secured(this.#url), attempt, signal);
    if (!isTlsProtocolError(outcome)) return this.#judgeOverTls(outcome, attempt);
    this.#overTls = false;
    return this.#askAsWritten(attempt, signal);
  }

  async #askAsWritten(attempt: Attempt, signal: AbortSignal): Promise<ProbeResult> {
    const outcome = await this.#request(this.#url, attempt, signal);
    if (!this.#isAskedForTls(outcome)) return this.#judge(this.#url, outcome, attempt);
    const second = await this.#request(secured(this.#url), attempt, signal);
    this.#overTls = !isTlsProtocolError(second);
    return this.#judgeOverTls(second, attempt);
  }

  #isAskedForTls(outcome: RequestOutcome): boolean {
    return (
      this.#url.protocol === 'http:' &&
      outcome.kind === 'answer' &&
      outcome.status === HTTP_STATUS.badRequest &&
      !this.#options.expectedStatuses.includes(HTTP_STATUS.badRequest) &&
      SPEAKS_TLS.test(outcome.body)
    );
  }

  #request(url: URL, attempt: Attempt, signal: AbortSignal): Promise<RequestOutcome> {
    const timeoutMs = Math.max(0, this.#options.timeoutSeconds * 1000 - attempt.elapsedMs);
    return request({ url, timeoutMs, headers: this.#headers(), ca: this.#options.ca }, signal);
  }

  #headers(): Record<string, string> {
    const { headers = {}, host, userAgent } = this.#options;
    const allowed = Object.entries(headers).filter(([name]) => !CREDENTIAL_HEADERS.has(name.toLowerCase()));
    return {
      ...Object.fromEntries(allowed),
      'User-Agent': userAgent ?? userAgentOf(),
      ...(host === '' ? {} : { Host: host }),
    };
  }

  #judgeOverTls(outcome: RequestOutcome, attempt: Attempt): ProbeResult {
    const result = this.#judge(secured(this.#url), outcome, attempt);
    const advice = `asked over TLS, because ${this.#url.host} says that it speaks no plain HTTP; write https:// in the URL`;
    return { ...result, reason: `${result.reason} (${advice})` };
  }

  #judge(url: URL, outcome: RequestOutcome, attempt: Attempt): ProbeResult {
    const { timeoutSeconds } = this.#options;
    return judgeOutcome(outcome, { url, timeoutSeconds, attempt }, (asked, answer) =>
      this.#judgeAnswer(asked, answer, attempt),
    );
  }

  #judgeAnswer(asked: string, answer: Answer, attempt: Attempt): ProbeResult {
    const result = this.#judgeStatus(asked, answer, attempt);
    const endpoints = endpointsOf(answer);
    return endpoints === undefined ? result : { ...result, endpoints };
  }

  #judgeStatus(asked: string, { status, location }: Answer, attempt: Attempt): ProbeResult {
    const expected = this.#options.expectedStatuses;
    if (expected.includes(status)) return attempt.success(`${asked} answered ${status}`);
    const redirect = location === undefined ? '' : ` (a redirect to ${shown(location)}, not followed)`;
    return attempt.failure(`${asked} answered ${status}${redirect}, expected ${expected.join(' or ')}`);
  }
}

function endpointsOf({ endpointWeight = '' }: Answer): number | undefined {
  return /^[0-9]{1,9}$/.test(endpointWeight) ? Number(endpointWeight) : undefined;
}

function isTlsProtocolError(outcome: RequestOutcome): boolean {
  if (outcome.kind !== 'error' || outcome.code === undefined) return false;
  return outcome.code === 'EPROTO' || outcome.code.startsWith('ERR_SSL_');
}

function withoutCredentials(text: string): URL {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url;
}

/** The same URL over TLS, on the same port: that of plain HTTP is 80 when the URL names none. */
function secured(url: URL): URL {
  return new URL(`https://${url.hostname}:${url.port === '' ? '80' : url.port}${url.pathname}${url.search}`);
}

/** A header's value as it may appear in a log line: of one line, short, without credentials or query. */
function shown(location: string): string {
  const printable = location.replace(/[^\x21-\x7e]/g, '').replace(/[?#].*$/, '');
  return printable.replace(/\/\/[^/]*@/, '//').slice(0, 200);
}
