import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

const START_LIMIT_MS = 5000;
const END_LIMIT_MS = 5000;

/**
 * An `ip` or `bridge` that already runs inside a namespace and waits for its orders. Starting a program takes milliseconds, which
 * would count as part of an outage; writing a line to one that waits takes microseconds.
 */
export class PreparedCommand {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #command: string;
  #complaints = '';

  private constructor(child: ChildProcessWithoutNullStreams, command: string) {
    this.#child = child;
    this.#command = command;
    child.stderr.on('data', (chunk: Buffer) => {
      this.#complaints += chunk.toString();
    });
  }

  /**
   * Starts the program in a namespace and returns when it has answered a first question.
   * @param question a harmless line that makes the program print something
   */
  static async start(program: 'ip' | 'bridge', netns: string, question: string): Promise<PreparedCommand> {
    const child = spawn(program, ['-n', netns, '-batch', '-']);
    const command = new PreparedCommand(child, `${program} -n ${netns}`);
    const answered = once(child.stdout, 'data', { signal: AbortSignal.timeout(START_LIMIT_MS) });
    child.stdin.write(`${question}\n`);
    try {
      await answered;
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`${command.#command} does not start: ${command.#complaints.trim()}`, { cause: error });
    }
    return command;
  }

  /** Gives the order; returns when the program has carried it out and ended. @throws Error with what the program said. */
  async run(line: string): Promise<void> {
    const ended = once(this.#child, 'exit', { signal: AbortSignal.timeout(END_LIMIT_MS) });
    this.#child.stdin.end(`${line}\n`);
    try {
      const [code] = (await ended) as [number | null];
      if (code !== 0) {
        throw new Error(`${this.#command}: ${line}: ${this.#complaints.trim()}`);
      }
    } finally {
      this.cancel();
    }
  }

  /** Ends the program without an order. */
  cancel(): void {
    this.#child.kill('SIGKILL');
  }
}
