import { readFile } from 'node:fs/promises';
import { replaceFile } from '../../common/replace-file.ts';
import type { SharedDirectory } from './shared-directory.ts';

/** The file in which the supervisor is told what is to be on lo. Sidecar and supervisor of two releases may meet in a pod: it stays as it is. */
const LOOPBACK = 'loopback';

const LINE = /^address (\S+)$/gm;

/** What the supervisor is told; images/keepalived/lib/loopback.awk says what it may be. Pure. */
function renderLoopback(addresses: readonly string[]): string {
  return addresses.map((address) => `address ${address}\n`).join('');
}

/** The file of addresses for lo in the shared directory. */
export class LoopbackFile {
  readonly #path: string;

  constructor({ directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#path = directory.file(LOOPBACK);
  }

  /** What the supervisor was told last, by whatever process; nothing where that cannot be read. */
  async read(): Promise<string[]> {
    return [...(await this.#text()).matchAll(LINE)].map(([, address = '']) => address);
  }

  /**
   * Writes what is to be on lo, unless it is there; whether it was written. A file stays, though it asks for nothing: by its age the
   * supervisor sees that it has changed. Rejects with the system's error.
   * @param addresses canonical, without prefixes
   */
  async write(addresses: readonly string[]): Promise<boolean> {
    const text = renderLoopback(addresses);
    if (text === (await this.#text())) return false;
    await replaceFile(this.#path, text);
    return true;
  }

  #text(): Promise<string> {
    return readFile(this.#path, 'utf8').catch(() => '');
  }
}
