/**
 * Cuts a stream of UTF-8 into lines, as they come. What follows the last line break is dropped: it is half a line of a stream that broke.
 * @param stream chunks, cut anywhere
 * @param maxBytes longest line that is accepted
 * @throws what the stream throws, and an Error when a line is longer
 */
export async function* linesOf(stream: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let begun: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, end)]).toString('utf8');
      begun = [];
      length = 0;
      from = end + 1;
    }
    begun.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > maxBytes) throw new Error(`a line has more than ${maxBytes} bytes`);
  }
}

const LINE_BREAK = 0x0a;
