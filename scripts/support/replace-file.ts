import { rename, writeFile } from 'node:fs/promises';

/** Writes a file in one step: who reads it at this moment has the old one or the new one, whole. */
export async function replaceFile(file: string, contents: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${process.pid}.new`;
  await writeFile(temporary, contents);
  await rename(temporary, file);
}
