import { dirname } from 'node:path';
import { DirectoryWatch } from '../../common/directory-watch.ts';
import { type CredentialFiles, readAuthority } from '../../common/kubernetes-access.ts';

/** Where changes of the directory cannot be seen, the file is looked at so often. */
const POLL_MS = 60_000;

/** A file with certificates of an authority, or a kubeconfig that has them, which is replaced now and then. What is not whole is not taken. */
export class CertificateAuthority {
  readonly #files: Pick<CredentialFiles, 'caFile' | 'kubeconfig'>;
  readonly #onChange: () => void;
  readonly #watch: DirectoryWatch;
  #timer: NodeJS.Timeout | undefined;
  #pem: string | null = null;
  #running = false;

  /** @param dependencies.onChange called when there are others than before */
  constructor(files: Pick<CredentialFiles, 'caFile' | 'kubeconfig'>, { onChange }: { readonly onChange: () => void }) {
    this.#files = files;
    this.#onChange = onChange;
    const path = dirname(files.kubeconfig ?? files.caFile);
    this.#watch = new DirectoryWatch({ path }, { onChange: () => void this.#poll() });
  }

  /** The certificates as PEM; null before there were any. */
  get pem(): string | null {
    return this.#pem;
  }

  /** Reads the file, without a call of `onChange`, and follows it from now on. Never rejects. */
  async start(): Promise<void> {
    this.#running = true;
    await this.#read();
    if (!this.#running) return;
    this.#watch.start();
    this.#timer = setInterval(() => void this.#poll(), POLL_MS).unref();
  }

  /** Ends following; may be called twice. */
  stop(): void {
    this.#running = false;
    clearInterval(this.#timer);
    this.#watch.stop();
  }

  async #poll(): Promise<void> {
    const before = this.#pem;
    await this.#read();
    if (this.#pem !== before) this.#onChange();
  }

  async #read(): Promise<void> {
    const text = await readAuthority(this.#files).catch(() => '');
    if (/^-----END CERTIFICATE-----\s*$/m.test(text)) this.#pem = `${text}\n`;
  }
}
