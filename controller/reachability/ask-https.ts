import { request } from 'node:https';
import { codeOf, messageOf } from '../../common/errors.ts';
import { explainProtocolError } from '../../common/explain-error.ts';
import { userAgentOf } from '../../common/user-agent.ts';

/** What came of asking. */
export interface Asked {
  readonly ok: boolean;
  /** In words: what was asked, and what came of it. */
  readonly text: string;
}

function failed(url: string, error: unknown): Asked {
  const [code, message] = [codeOf(error), messageOf(error)];
  return { ok: false, text: `${url} does not answer: ${explainProtocolError(code, message) ?? (message || code)}` };
}

/**
 * Asks once, by a connection of its own. Whatever is answered is an answer: what the page says is the business of who serves it. The
 * certificate is not verified: whose it is, clients know. Never rejects.
 * @param url `https://…`
 * @param limitMs for all of it
 */
export function askHttps(url: string, limitMs: number): Promise<Asked> {
  return new Promise((resolve) => {
    const asking = request(url, {
      agent: false,
      rejectUnauthorized: false,
      headers: { 'User-Agent': userAgentOf() },
      signal: AbortSignal.timeout(limitMs),
    });
    asking.on('response', (response) => {
      response.destroy();
      resolve({ ok: true, text: `${url} answers ${response.statusCode}` });
    });
    asking.on('error', (error) => {
      const text = `${url} does not answer within ${limitMs / 1000} s`;
      resolve(error.name === 'AbortError' ? { ok: false, text } : failed(url, error));
    });
    asking.end();
  });
}
