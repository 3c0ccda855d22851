import { describe, expect, it } from 'vitest';
import { type Message, open, seal } from './message.ts';

const KEY = Buffer.from('a key of all the nodes');
const FROM = { session: '00112233445566ff', counter: 281_474_976_710_655 };
const MESSAGES: readonly Message[] = [
  { ...FROM, kind: 'list', part: 4095, of: 4096, content: 'bytes \x00\xff' },
  { ...FROM, kind: 'list', part: 0, of: 1, content: '' },
  { ...FROM, kind: 'challenge', about: 'ffeeddccbbaa9988', nonce: '0123456789abcdef' },
  { ...FROM, kind: 'answer', nonce: '0123456789abcdef' },
];

describe.each(MESSAGES)('a message, $kind,', (message) => {
  it('is read as it was written', () => {
    expect(open(seal(message, KEY), KEY)).toEqual(message);
  });

  it('is none for who has another key', () => {
    expect(open(seal(message, KEY), Buffer.from('another key of others'))).toBeUndefined();
  });

  it('is none when one byte of it is another, or is missing', () => {
    const datagram = seal(message, KEY);
    for (let at = 0; at < datagram.length; at++) {
      const changed = Buffer.from(datagram);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(open(changed, KEY)).toBeUndefined();
      expect(open(datagram.subarray(0, at), KEY)).toBeUndefined();
    }
  });
});

describe('a genuine message', () => {
  it('of a kind that is not known, or too short for its kind, is none', () => {
    const list = seal({ ...FROM, kind: 'list', part: 0, of: 1, content: '' }, KEY);
    // Sealed anew, as a newer version might do.
    const resealed = (change: (bytes: Buffer) => Buffer) => {
      const bytes = change(Buffer.from(list.subarray(0, -16)));
      const { createHmac } = process.getBuiltinModule('node:crypto');
      return Buffer.concat([bytes, createHmac('sha256', KEY).update(bytes).digest().subarray(0, 16)]);
    };
    expect(
      open(
        resealed((bytes) => bytes),
        KEY,
      ),
    ).toBeDefined();
    for (const kind of [1, 2, 3, 200]) {
      const other = resealed((bytes) => {
        bytes.writeUInt8(kind, 4);
        return bytes;
      });
      expect(open(other, KEY)).toBeUndefined();
    }
    expect(
      open(
        resealed((bytes) => bytes.subarray(0, -1)),
        KEY,
      ),
    ).toBeUndefined();
  });
});
