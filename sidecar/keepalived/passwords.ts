import { readFile } from 'node:fs/promises';
import { messageOf } from '../../common/errors.ts';
import type { DesiredInstance } from '../desired/desired.ts';
import { type Passwords, passwordIn, type ReadPassword } from '../desired/password.ts';

async function read(path: string): Promise<ReadPassword> {
  try {
    return passwordIn(await readFile(path, 'utf8'));
  } catch (error) {
    return { problem: `cannot be read: ${messageOf(error)}` };
  }
}

/** Reads the passwords of all instances, each file once. Never rejects: which cannot be used is in what it gives. */
export async function readPasswords(instances: readonly Pick<DesiredInstance, 'vrrp'>[]): Promise<Passwords> {
  const files = new Set(instances.map(({ vrrp }) => vrrp.authPasswordFile).filter((file) => file !== ''));
  const all = [...files].toSorted().map(async (file) => [file, await read(file)] as const);
  return new Map(await Promise.all(all));
}
