import type { DesiredVrrp } from './desired.ts';
import { InstanceError } from './vrrp-instance.ts';

/** What came of reading a password from its file: it, or why it cannot be used. */
export type ReadPassword = { readonly password: string } | { readonly problem: string };

/** Passwords by their files. */
export type Passwords = ReadonlyMap<string, ReadPassword>;

/**
 * The password of VRRP version 2 in a text. Pure.
 * @param text of its file; white space around it is not a part of it
 */
export function passwordIn(text: string): ReadPassword {
  const password = text.trim();
  // keepalived cuts what is longer, silently; a quote or a blank would end the word in its configuration.
  if (/^[\x21\x23-\x7e]{1,8}$/.test(password) && !password.includes('\\')) return { password };
  return { problem: 'is not 1 to 8 printable ASCII characters without blank, quote and backslash; change it' };
}

/**
 * The password that an instance speaks with; undefined where it has none. Pure.
 * @throws {InstanceError} naming the field, where it cannot be used
 */
export function passwordOf(
  { authPasswordFile, fields }: Pick<DesiredVrrp, 'authPasswordFile' | 'fields'>,
  passwords: Passwords = new Map(),
): string | undefined {
  if (authPasswordFile === '') return undefined;
  const read = passwords.get(authPasswordFile) ?? { problem: `${authPasswordFile} was not read` };
  if ('password' in read) return read.password;
  throw new InstanceError(`${fields.authPassword}: ${read.problem}`);
}
