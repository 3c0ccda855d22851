import { execa } from 'execa';
import { CommandError } from '../support/main.ts';
import { type Log, runStep } from '../toolchain/progress.ts';

/** Programs that build images, in the order in which they are tried. */
export const ENGINE_NAMES = ['docker', 'podman', 'buildah'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What an image is built from. */
export interface BuildRequest {
  /** Full name of the image, `registry/name:tag`. */
  readonly ref: string;
  /** Absolute path. */
  readonly dockerfile: string;
  /** Absolute path of the folder that the Dockerfile copies from. */
  readonly context: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Build every step again. */
  readonly fresh: boolean;
}

/** The words of one engine for what is asked of every engine. */
interface Vocabulary {
  /** Succeeds when the engine works here: a docker without its daemon does not. */
  readonly probe: readonly string[];
  /** Prints what is known of a local image as JSON, and fails when there is no such image. */
  readonly inspect: readonly string[];
  /** Where that JSON has the labels. */
  readonly labels: readonly string[];
  readonly build: readonly string[];
  readonly save: (ref: string, file: string) => readonly string[];
  readonly load: (file: string) => readonly string[];
}

const VOCABULARY: Readonly<Record<EngineName, Vocabulary>> = {
  docker: {
    probe: ['version', '--format', '{{.Server.Version}}'],
    inspect: ['image', 'inspect'],
    labels: ['0', 'Config', 'Labels'],
    build: ['build'],
    save: (ref, file) => ['save', '--output', file, ref],
    load: (file) => ['load', '--input', file],
  },
  podman: {
    probe: ['info'],
    inspect: ['image', 'inspect'],
    labels: ['0', 'Labels'],
    build: ['build', '--pull=never', '--layers', '--force-rm'],
    save: (ref, file) => ['save', '--format', 'docker-archive', '--output', file, ref],
    load: (file) => ['load', '--input', file],
  },
  buildah: {
    probe: ['info'],
    inspect: ['inspect', '--type', 'image'],
    labels: ['OCIv1', 'config', 'Labels'],
    // chroot: it needs no container runtime, and no privileges that a container of its own may lack.
    build: ['build', '--pull-never', '--layers', '--force-rm', '--isolation', 'chroot'],
    save: (ref, file) => ['push', '--quiet', ref, `docker-archive:${file}:${ref}`],
    load: (file) => ['pull', '--quiet', `docker-archive:${file}`],
  },
};

const PROBE_LIMIT_MS = 20_000;
const BUILD_LIMIT_SECONDS = 1800;
const COPY_LIMIT_SECONDS = 300;

function pairs(option: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => [option, `${key}=${value}`]);
}

/** The arguments with which an engine builds an image. */
export function buildArguments(engine: EngineName, request: BuildRequest): string[] {
  return [
    ...VOCABULARY[engine].build,
    ...(request.fresh ? ['--no-cache'] : []),
    ...pairs('--build-arg', request.variables),
    ...pairs('--label', request.labels),
    '--tag',
    request.ref,
    '--file',
    request.dockerfile,
    request.context,
  ];
}

/** The labels in what an engine says of an image. */
export function readLabels(engine: EngineName, text: string): Record<string, string> {
  let found: unknown = JSON.parse(text);
  for (const key of VOCABULARY[engine].labels) found = (found as Record<string, unknown> | null | undefined)?.[key];
  return (found as Record<string, string> | null | undefined) ?? {};
}

/** A program of this machine that builds and keeps images. */
export class Engine {
  readonly name: EngineName;
  readonly #log: Log;

  constructor(name: EngineName, log: Log) {
    this.name = name;
    this.#log = log;
  }

  /** The labels of an image that this engine has; undefined when it has no such image. */
  async labelsOf(ref: string): Promise<Readonly<Record<string, string>> | undefined> {
    const result = await execa(this.name, [...VOCABULARY[this.name].inspect, ref], {
      reject: false,
      stdin: 'ignore',
      timeout: PROBE_LIMIT_MS,
    });
    return result.failed ? undefined : readLabels(this.name, result.stdout);
  }

  /** Builds an image, with progress, from base images that are here already. @throws ToolError with the end of what was printed. */
  async build(request: BuildRequest): Promise<void> {
    await this.#run(`building ${request.ref}`, buildArguments(this.name, request), BUILD_LIMIT_SECONDS);
  }

  /** Fetches an image from its registry. @throws ToolError when it cannot be had within the limit. */
  async pull(ref: string, limitSeconds: number): Promise<void> {
    await this.#run(`pulling ${ref}`, ['pull', ref], limitSeconds);
  }

  /** Writes an image to a file in the format of `docker save`. The file must not exist. */
  async save(ref: string, file: string): Promise<void> {
    await this.#run(`saving ${ref}`, VOCABULARY[this.name].save(ref, file), COPY_LIMIT_SECONDS);
  }

  /** Reads an image, under its name, from a file that `save` wrote. */
  async load(file: string): Promise<void> {
    await this.#run(`loading ${file}`, VOCABULARY[this.name].load(file), COPY_LIMIT_SECONDS);
  }

  async #run(label: string, parameters: readonly string[], limitSeconds: number): Promise<void> {
    await runStep(
      { label: `${this.name}: ${label}`, command: this.name, arguments: parameters, directory: '/', limitSeconds },
      this.#log,
    );
  }
}

async function works(name: EngineName): Promise<boolean> {
  const result = await execa(name, VOCABULARY[name].probe, { reject: false, stdio: 'ignore', timeout: PROBE_LIMIT_MS });
  return !result.failed;
}

/**
 * Finds an engine that works.
 * @param requested its name; without one the first that works
 * @returns undefined when none does
 * @throws CommandError when the wanted one does not work
 */
export async function findEngine(log: Log, requested?: EngineName): Promise<Engine | undefined> {
  for (const name of requested === undefined ? ENGINE_NAMES : [requested]) {
    if (await works(name)) return new Engine(name, log);
  }
  if (requested === undefined) return undefined;
  const command = [requested, ...VOCABULARY[requested].probe].join(' ');
  throw new CommandError(
    `${requested} does not work here: see what "${command}" says, or choose another with --engine`,
  );
}
