import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Program } from './program.ts';

const START_LIMIT_MS = 30_000;
const END_LIMIT_MS = 30_000;

/**
 * An `ip` or `bridge` that already runs inside a namespace and waits for its orders. Starting a program takes milliseconds, which
 * would count as part of an outage; writing a line to one that waits takes microseconds.
 */
export class PreparedCommand {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #program: Program;
  readonly #name: string;

  private constructor(program: 'ip' | 'bridge', netns: string) {
    this.#name = `${program} -n ${netns}`;
    this.#child = spawn(program, ['-n', netns, '-batch', '-']);
    this.#program = new Program(this.#name, this.#child);
  }

  /**
   * Starts the program in a namespace and returns when it has answered a first question.
   * @param question a harmless line that makes the program print something
   */
  static async start(program: 'ip' | 'bridge', netns: string, question: string): Promise<PreparedCommand> {
    const command = new PreparedCommand(program, netns);
    command.#child.stdin.on('error', () => undefined); // that it ended is told by those who wait for it
    command.#child.stdin.write(`${question}\n`);
    let answered = false;
    command.#child.stdout.once('data', () => {
      answered = true;
    });
    try {
      await command.#program.until('it answers', () => answered, { limitMs: START_LIMIT_MS, everyMs: 1 });
    } catch (error) {
      await command.#program.stop();
      throw error;
    }
    return command;
  }

  /** Gives the order; returns when the program has carried it out and ended. @throws Error with what the program said. */
  async run(line: string): Promise<void> {
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), END_LIMIT_MS);
    this.#child.stdin.end(`${line}\n`);
    const code = await this.#program.closed;
    clearTimeout(limit);
    if (code !== 0) throw new Error(`${this.#name}: ${line}: ${this.#program.output.trim()}`);
  }
}
