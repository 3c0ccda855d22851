import { rename, writeFile } from 'node:fs/promises';

/** Writes a file in one step: who reads it at this moment has the old one or the new one, whole. @param mode of a new file, if not the usual one */
export async function replaceFile(file: string, contents: string | Uint8Array, mode?: number): Promise<void> {
  const temporary = `${file}.${process.pid}.new`;
  await writeFile(temporary, contents, { mode });
  await rename(temporary, file);
}
