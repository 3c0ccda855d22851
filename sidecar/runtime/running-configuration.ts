/** A configuration that was offered to a supervised process, by the digest under which its supervisor reports what runs. */
interface Configuration {
  readonly sha256: string;
}

/**
 * Which of the configurations that this process offered a supervised process runs. One that is refused, or not tried yet, changes nothing;
 * nor does a report of a configuration that this process did not make.
 */
export class RunningConfiguration<Offered extends Configuration> {
  #offered: Offered | undefined;
  #reported: string | undefined;
  #current: Offered | undefined;

  /** The configuration that was last known to run; undefined before the first. */
  get current(): Offered | undefined {
    return this.#current;
  }

  /** Takes the configuration that was made last; whether another one is known to run now. */
  offer(configuration: Offered): boolean {
    this.#offered = configuration;
    return this.#compare();
  }

  /**
   * Takes what the supervisor reports.
   * @param sha256 of the configuration that runs; undefined while there is no report
   * @returns whether another one is known to run now
   */
  report(sha256: string | undefined): boolean {
    this.#reported = sha256;
    return this.#compare();
  }

  #compare(): boolean {
    const offered = this.#offered;
    if (offered === undefined || offered === this.#current || offered.sha256 !== this.#reported) return false;
    this.#current = offered;
    return true;
  }
}
