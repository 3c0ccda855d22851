import { replaceFile } from '../../common/replace-file.ts';
import { PROXY_FILES } from './proxy-exchange.ts';
import type { SharedDirectory } from './shared-directory.ts';

/** What HAProxy reads besides its configuration, and its runtime API, in the directory that is shared with its container. */
export class ProxyFiles {
  readonly #directory: Pick<SharedDirectory, 'file'>;
  readonly #written = new Map<string, string>();

  constructor({ directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#directory = directory;
  }

  /** Path of the file with the API servers' CA. */
  get ca(): string {
    return this.#directory.file(PROXY_FILES.ca);
  }

  /** Path of the socket of HAProxy's runtime API. */
  get adminSocket(): string {
    return this.#directory.file(PROXY_FILES.adminSocket);
  }

  /** Path of the master's command line. */
  get masterSocket(): string {
    return this.#directory.file(PROXY_FILES.masterSocket);
  }

  /** Writes the API servers' CA, unless it is the one written last. Rejects with the system's error. */
  writeCa(pem: string): Promise<void> {
    return this.#write(this.ca, pem);
  }

  /** Writes the sections of backends, unless they are those written last. Rejects with the system's error. */
  writeBackends(text: string): Promise<void> {
    return this.#write(this.#directory.file(PROXY_FILES.backends), text);
  }

  /** Says that the sidecar looks after HAProxy's servers, by another text than before. Rejects with the system's error. */
  writePulse(text: string): Promise<void> {
    return this.#write(this.#directory.file(PROXY_FILES.pulse), text);
  }

  async #write(path: string, text: string): Promise<void> {
    if (this.#written.get(path) === text) return;
    await replaceFile(path, text);
    this.#written.set(path, text);
  }
}
