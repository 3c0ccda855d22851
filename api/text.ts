/** Three bytes in UTF-8. */
const CUT = '…';
const CUT_BYTES = 3;

/**
 * A text from elsewhere as one line of limited length: control characters, which could end a line or steer a terminal, become blanks, and
 * what is too long ends with an ellipsis. Pure.
 * @param bytes the longest result in UTF-8, at least 3; never shorter than what a limit in characters asks for
 */
export function oneLine(text: string, bytes: number): string {
  // Only as much is read as could be left: a text can be megabytes.
  const start = text.slice(0, bytes + 1).toWellFormed();
  const line = start.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  const encoded = new TextEncoder().encode(line);
  if (encoded.length <= bytes && start.length === text.length) return line;
  // What `stream` waits for is the rest of a character that was cut in two.
  return new TextDecoder().decode(encoded.subarray(0, bytes - CUT_BYTES), { stream: true }) + CUT;
}
