import { CommandError } from '../support/main.ts';

const LIMIT_MS = 20_000;
/** Documents that name a manifest for each architecture; see the OCI's image-spec and Docker's registry documentation. */
const INDEXES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Where Docker's official images are. */
export interface Registry {
  /** Base of its addresses. */
  readonly url: string;
  /** Where anybody gets a token to read an image; with `service` in its query. */
  readonly tokenUrl: string;
}

export const DOCKER_HUB: Registry = {
  url: 'https://registry-1.docker.io',
  tokenUrl: 'https://auth.docker.io/token?service=registry.docker.io',
};

/**
 * The digest of an official image's index at this moment, as the registry says it (OCI distribution-spec, "Pulling manifests").
 * @param image name and tag, `debian:trixie-slim`
 * @throws CommandError when the registry does not answer as expected
 */
export async function currentDigest(image: string, registry: Registry = DOCKER_HUB): Promise<string> {
  const [name, tag] = image.split(':');
  const token = await ask(`${registry.tokenUrl}&scope=repository:library/${name}:pull`, {}).then(
    (answer) => answer.json() as Promise<{ token?: string }>,
  );
  const address = `${registry.url}/v2/library/${name}/manifests/${tag}`;
  const headers = { accept: INDEXES.join(', '), authorization: `Bearer ${token.token ?? ''}` };
  const answer = await ask(address, { method: 'HEAD', headers });
  const digest = answer.headers.get('docker-content-digest') ?? '';
  if (!DIGEST.test(digest))
    throw new CommandError(`${address}: no digest in the answer, but ${JSON.stringify(digest)}`);
  return digest;
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(LIMIT_MS) }).catch((error: Error) => {
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    throw new CommandError(`${url} cannot be asked: ${error.message}${cause}`);
  });
  if (!answer.ok) throw new CommandError(`${url} answers ${answer.status}`);
  return answer;
}
