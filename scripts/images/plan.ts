import { createHash } from 'node:crypto';
import { globSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { CommandError } from '../support/main.ts';
import type { ImageDefinition } from './catalogue.ts';

/** One image to be had under one name. */
export interface ImagePlan {
  readonly definition: ImageDefinition;
  /** Full name, `registry/name:tag`. */
  readonly ref: string;
  /** Build arguments. */
  readonly variables: Readonly<Record<string, string>>;
  /** Changes with everything that goes into the image, save its base: 12 hexadecimal digits. */
  readonly fingerprint: string;
  /** Whether the files still are what they were when this plan was made. */
  readonly isCurrent: () => Promise<boolean>;
}

/** How the images are called, and what their labels say. */
export interface Naming {
  /** What stands before `keepalived-ingress-vip/…`: a registry, and a path in it. */
  readonly registry: string;
  readonly tag: string;
  /** Address of the sources, for the image's label. */
  readonly source?: string;
  /** Commit of the sources, for the image's label. */
  readonly revision?: string;
  /** The base images must be the registry's, not made here: what was built of the others is then not taken for the same. */
  readonly registryBases?: boolean;
}

/** Where images go that are not pushed anywhere: the names that the chart's defaults stand for. */
export const DEFAULT_REGISTRY = 'docker.io';

/** Raise it when the way in which images are built changes, and not only what is in them. */
const RECIPE = '1';
const DIGITS = 12;
const CHECKOUT = path.resolve(import.meta.dirname, '../..');

/** The tag that the chart's defaults ask for: its appVersion. */
export async function defaultTag(): Promise<string> {
  const chart = parse(await readFile(path.join(CHECKOUT, 'chart/Chart.yaml'), 'utf8')) as { appVersion: string };
  return chart.appVersion;
}

async function sha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

async function inputsOf(definition: ImageDefinition, checkout: string): Promise<[string, string][]> {
  const isFile = (file: string) => statSync(path.join(checkout, file)).isFile();
  const found = definition.inputs.flatMap((pattern) => globSync(pattern, { cwd: checkout }));
  const files = found.filter(isFile).toSorted();
  if (!files.includes(definition.dockerfile)) throw new CommandError(`${definition.dockerfile} is missing`);
  return Promise.all(files.map(async (file) => [file, await sha256(path.join(checkout, file))] as [string, string]));
}

/**
 * Says what an image is called and made of.
 * @param checkout the folder that the definition's paths begin at; this project's
 * @throws CommandError when its Dockerfile is missing
 */
export async function planImage(
  definition: ImageDefinition,
  naming: Naming,
  checkout: string = CHECKOUT,
): Promise<ImagePlan> {
  const ref = `${naming.registry}/keepalived-ingress-vip/${definition.name}:${naming.tag}`;
  const variables = { VERSION: naming.tag, SOURCE: naming.source ?? '', REVISION: naming.revision ?? '' };
  const parts = [RECIPE, process.arch, ref, variables, naming.registryBases === true];
  const readFingerprint = async (): Promise<string> => {
    const text = JSON.stringify([...parts, await inputsOf(definition, checkout)]);
    return createHash('sha256').update(text).digest('hex').slice(0, DIGITS);
  };
  const fingerprint = await readFingerprint();
  return { definition, ref, variables, fingerprint, isCurrent: async () => (await readFingerprint()) === fingerprint };
}
