import { globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Pin, pinsIn, withDigests } from './images/pins.ts';
import { currentDigest } from './images/registry.ts';
import { CommandError, runMain } from './support/main.ts';

const USAGE = `Says which base images the Dockerfiles pin, and what their registry has by these names now.

usage: npm run bases [-- --update]

  --update  write the registry's current digests into the Dockerfiles`;

const ROOT = path.resolve(import.meta.dirname, '..');

async function dockerfiles(): Promise<Map<string, string>> {
  const names = globSync('{images,test}/**/Dockerfile', { cwd: ROOT }).toSorted();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(path.join(ROOT, name), 'utf8')] as const)),
  );
}

/** The registry's digest of every image that is pinned. */
async function currentDigests(texts: Iterable<string>): Promise<Map<string, string>> {
  const images = new Set([...texts].flatMap((text) => pinsIn(text).map(({ image }) => image)));
  const pairs = [...images].map(async (image) => [image, await currentDigest(image)] as const);
  return new Map(await Promise.all(pairs));
}

/** A line for each pin of a Dockerfile. */
function describePins(name: string, text: string, current: ReadonlyMap<string, string>): string {
  const state = ({ image, digest }: Pin) => (digest === current.get(image) ? 'current' : `now ${current.get(image)}`);
  return pinsIn(text)
    .map((pin) => `${name}  ${pin.image}  ${state(pin)}\n`)
    .join('');
}

runMain(import.meta.main, 'bases', async () => {
  const { values } = parseArgs({ options: { update: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const files = await dockerfiles();
  const current = await currentDigests(files.values());
  for (const [name, text] of files) process.stdout.write(describePins(name, text, current));
  const stale = [...files].filter(([, text]) => withDigests(text, current) !== text);
  if (stale.length > 0 && values.update !== true)
    throw new CommandError('not all are current; run: npm run bases -- --update');
  for (const [name, text] of stale) await writeFile(path.join(ROOT, name), withDigests(text, current));
});
