import { explainProtocolError } from '../../common/explain-error.ts';
import type { Attempt } from './attempt.ts';
import type { Phase, RequestOutcome } from './request.ts';
import type { ProbeResult } from './types.ts';

/** An answer of the server, whatever its status. */
export type Answer = RequestOutcome & { readonly kind: 'answer' };

/** The GET that is judged. */
interface Asked {
  readonly url: URL;
  readonly timeoutSeconds: number;
  readonly attempt: Attempt;
}

/** How a request that did not end in time is described. */
const UNFINISHED: Readonly<Record<Phase, string>> = {
  connecting: 'no connection',
  handshaking: 'connected, but the TLS handshake did not end',
  waiting: 'connected, but no answer',
  reading: 'the answer began, but did not end',
};

/**
 * Judges what came of a GET: which answers please is the probe's affair, everything else is judged the same for every probe.
 * @param outcome what came
 * @param asked the GET
 * @param judgeAnswer judges an answer; `asked` is how the reason begins
 */
export function judgeOutcome(
  outcome: RequestOutcome,
  { url, timeoutSeconds, attempt }: Asked,
  judgeAnswer: (asked: string, answer: Answer) => ProbeResult,
): ProbeResult {
  const asked = `GET ${url.href}`;
  switch (outcome.kind) {
    case 'answer':
      return judgeAnswer(asked, outcome);
    case 'timeout':
      return attempt.failure(`${asked}: ${UNFINISHED[outcome.phase]} within ${timeoutSeconds} s`, 'ETIMEDOUT');
    case 'aborted':
      return attempt.aborted(asked);
    case 'error':
      return judgeError(asked, outcome, attempt);
  }
}

function judgeError(
  asked: string,
  { code, message, phase }: RequestOutcome & { kind: 'error' },
  attempt: Attempt,
): ProbeResult {
  const reason = `${asked}: ${explain(code, message, phase)}`;
  return phase === 'reading' ? attempt.failure(reason, code) : attempt.connectionError(reason, code);
}

function explain(code: string | undefined, message: string, phase: Phase): string {
  if (code === 'ECONNREFUSED') return 'connection refused, nothing listens there';
  const protocol = explainProtocolError(code, message);
  if (protocol !== undefined) return protocol;
  if (code !== 'ECONNRESET' && code !== 'EPIPE')
    return code === undefined || message.includes(code) ? message : `${message} (${code})`;
  return phase === 'reading' ? 'connection closed in the middle of the answer' : 'connection closed before an answer';
}
