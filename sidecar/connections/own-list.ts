import type { Clients } from './endpoint.ts';
import { partsOf } from './list.ts';
import type { ListMessage } from './message.ts';

/** The list of this node's clients, as far as it was sent. Pure, but for what it remembers. */
export class OwnList {
  #parts: readonly string[] = [''];
  /** Parts that are to be sent, those that wait longest first. */
  readonly #due = new Set<number>([0]);

  /** Takes the clients that there are now; what differs is to be sent. */
  set(clients: Clients): void {
    const before = this.#parts;
    this.#parts = partsOf(clients, before.length);
    if (this.#parts.length !== before.length) this.sendAll();
    else for (const [index, part] of this.#parts.entries()) if (part !== before[index]) this.#due.add(index);
  }

  /** Everything is to be sent: who missed something has it then. */
  sendAll(): void {
    this.#due.clear();
    for (const index of this.#parts.keys()) this.#due.add(index);
  }

  /** Takes at most so many parts that are to be sent. */
  take(most: number): readonly Pick<ListMessage, 'part' | 'of' | 'content'>[] {
    const taken = [...this.#due].slice(0, most);
    for (const index of taken) this.#due.delete(index);
    return taken.map((part) => ({ part, of: this.#parts.length, content: this.#parts[part] ?? '' }));
  }
}
