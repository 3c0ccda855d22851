import { CommandError } from '../support/main.ts';

/** A base image as a Dockerfile pins it. */
export interface Pin {
  /** Name of the build argument that replaces it. */
  readonly argument: string;
  /** Name and tag, `debian:trixie-slim`. */
  readonly image: string;
  /** Of the index of all architectures, `sha256:…`. */
  readonly digest: string;
}

const LINE = /^ARG (?<argument>[A-Z_]+)=(?<image>[a-z]+:[\w.-]+)@(?<digest>sha256:[0-9a-f]{64})$/gm;

/** The base images that a Dockerfile pins: build arguments before its first stage, with a digest. Pure. */
export function pinsIn(dockerfile: string): Pin[] {
  return [...dockerfile.matchAll(LINE)].map(({ groups }) => groups as unknown as Pin);
}

/**
 * The pin of one base image.
 * @throws CommandError when the Dockerfile does not have it
 */
export function pinOf(dockerfile: string, image: string): Pin {
  const found = pinsIn(dockerfile).find((pin) => pin.image === image);
  if (found === undefined) throw new CommandError(`the Dockerfile has no line "ARG NAME=${image}@sha256:…"`);
  return found;
}

/** A Dockerfile with other digests; images without one keep theirs. Pure. */
export function withDigests(dockerfile: string, digests: ReadonlyMap<string, string>): string {
  return dockerfile.replaceAll(LINE, (line, argument: string, image: string) => {
    const digest = digests.get(image);
    return digest === undefined ? line : `ARG ${argument}=${image}@${digest}`;
  });
}
