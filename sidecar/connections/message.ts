import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * What nodes tell each other, one message a datagram: magic, kind, session, counter, what is said, and a code of authentication over all of
 * it (HMAC-SHA-256, RFC 2104, cut to 16 bytes). Numbers have the higher byte first. Pure.
 */

/** Who sends, from its start to its end: a number of its own, as hex digits. */
export type Session = string;

interface From {
  readonly session: Session;
  /** Grows with each message of a session. */
  readonly counter: number;
}

/** A part of the list of the sender's clients. */
export interface ListMessage extends From {
  readonly kind: 'list';
  readonly part: number;
  /** How many parts the list has. */
  readonly of: number;
  /** Bytes, one character each. */
  readonly content: string;
}

/** Asks a session to prove that it is there now, by an answer that has the number. */
export interface ChallengeMessage extends From {
  readonly kind: 'challenge';
  readonly about: Session;
  readonly nonce: string;
}

export interface AnswerMessage extends From {
  readonly kind: 'answer';
  readonly nonce: string;
}

export type Message = ListMessage | ChallengeMessage | AnswerMessage;

/** Name and version of all this. */
const MAGIC = Buffer.from('kvc1', 'latin1');
const KINDS = ['list', 'challenge', 'answer'] as const;
/** Bytes of a session's number and of a challenge's. */
export const NUMBER_BYTES = 8;
const COUNTER_BYTES = 6;
const SHORT_BYTES = 2;
const CODE_BYTES = 16;
const HEAD_BYTES = MAGIC.length + 1 + NUMBER_BYTES + COUNTER_BYTES;
const HEX_NUMBER = /^[0-9a-f]{16}$/;

function codeOf(bytes: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(bytes).digest().subarray(0, CODE_BYTES);
}

function number(hex: string): Buffer {
  if (!HEX_NUMBER.test(hex)) throw new Error(`${hex} is no number of ${NUMBER_BYTES} bytes`);
  return Buffer.from(hex, 'hex');
}

function bodyOf(message: Message): Buffer {
  if (message.kind === 'challenge') return Buffer.concat([number(message.about), number(message.nonce)]);
  if (message.kind === 'answer') return number(message.nonce);
  const place = Buffer.alloc(2 * SHORT_BYTES);
  place.writeUInt16BE(message.part, 0);
  place.writeUInt16BE(message.of, SHORT_BYTES);
  return Buffer.concat([place, Buffer.from(message.content, 'latin1')]);
}

/** A message as a datagram that whoever has the key knows to be genuine. Pure. */
export function seal(message: Message, key: Buffer): Buffer {
  const counter = Buffer.alloc(COUNTER_BYTES);
  counter.writeUIntBE(message.counter, 0, COUNTER_BYTES);
  const kind = Buffer.from([KINDS.indexOf(message.kind)]);
  const bytes = Buffer.concat([MAGIC, kind, number(message.session), counter, bodyOf(message)]);
  return Buffer.concat([bytes, codeOf(bytes, key)]);
}

function numbersIn(body: Buffer, count: number): string[] | undefined {
  if (body.length !== count * NUMBER_BYTES) return undefined;
  const at = (index: number) => body.subarray(index * NUMBER_BYTES, (index + 1) * NUMBER_BYTES).toString('hex');
  return Array.from({ length: count }, (_, index) => at(index));
}

const READERS: Readonly<Record<Message['kind'], (from: From, body: Buffer) => Message | undefined>> = {
  list: (from, body) => {
    if (body.length < 2 * SHORT_BYTES) return undefined;
    const [part, of] = [body.readUInt16BE(0), body.readUInt16BE(SHORT_BYTES)];
    return { ...from, kind: 'list', part, of, content: body.subarray(2 * SHORT_BYTES).toString('latin1') };
  },
  challenge: (from, body) => {
    const [about, nonce] = numbersIn(body, 2) ?? [];
    return about === undefined || nonce === undefined ? undefined : { ...from, kind: 'challenge', about, nonce };
  },
  answer: (from, body) => {
    const [nonce] = numbersIn(body, 1) ?? [];
    return nonce === undefined ? undefined : { ...from, kind: 'answer', nonce };
  },
};

/** The message of a datagram; undefined for what is none, or not of somebody who has the key. Pure. */
export function open(datagram: Buffer, key: Buffer): Message | undefined {
  if (datagram.length < HEAD_BYTES + CODE_BYTES || !datagram.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const bytes = datagram.subarray(0, -CODE_BYTES);
  if (!timingSafeEqual(datagram.subarray(-CODE_BYTES), codeOf(bytes, key))) return undefined;
  const kind = KINDS[bytes.readUInt8(MAGIC.length)];
  if (kind === undefined) return undefined;
  const at = MAGIC.length + 1;
  const session = bytes.subarray(at, at + NUMBER_BYTES).toString('hex');
  const counter = bytes.readUIntBE(at + NUMBER_BYTES, COUNTER_BYTES);
  return READERS[kind]({ session, counter }, bytes.subarray(HEAD_BYTES));
}
