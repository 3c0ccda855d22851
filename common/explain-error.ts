import { codeOf } from './errors.ts';

/** What TLS libraries say when the other end did not answer with TLS at all. */
const NO_TLS = /wrong version number|packet length too long|http request|unknown protocol|unexpected message/;

/** OpenSSL's reason in its line: `error:<code>:<library>:<function>:<reason>:<file>:<line>:<more>`. */
const OPENSSL = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]*):/;

/**
 * What an error of TLS or of the HTTP parser means, as a sentence that says what to change. The libraries' own texts are made for their
 * authors: OpenSSL's names a line of its source, and ends with a line break.
 * @param code the error's code
 * @param message its text
 * @returns undefined for any other error, whose text can be read
 */
export function explainProtocolError(code: string | undefined, message: string): string | undefined {
  if (code?.startsWith('HPE_') === true) return 'the answer is not HTTP: another protocol is spoken on this port';
  if (code !== 'EPROTO' && code?.startsWith('ERR_SSL_') !== true) return undefined;
  if (NO_TLS.test(message)) return 'the port does not speak TLS; write http:// in the URL, or name the port that does';
  const reason = OPENSSL.exec(message)?.[1] ?? message.replaceAll(/\s+/g, ' ').trim();
  return `the TLS handshake failed: ${reason}`;
}

/** The text of a failed request: a sentence where the library has none, in one line, without what the request sent. */
export function explainRequestError(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = codeOf(error);
  return explainProtocolError(code, error.message) ?? error.message.replaceAll(/\s+/g, ' ').trim();
}
