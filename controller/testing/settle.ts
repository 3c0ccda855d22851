import type { FakeCluster } from './fake-cluster.ts';

/** What runs in turns until it has nothing to do. */
interface Settling {
  readonly fake: FakeCluster;
  readonly services: { deliver(): void };
  /** Gives in how many ms it is due again. */
  readonly reconciler: { run(): Promise<number | undefined> };
}

const MOST_RUNS = 60;

/**
 * Runs until nothing is written any more, by what is due within `withinMs` as well.
 * @param options.report what nodes report before each run: by default what they hold
 * @throws Error when that does not come
 */
export async function settle(
  { fake, services, reconciler }: Settling,
  {
    report = () => fake.reportAll(),
    withinMs = 1000,
  }: { readonly report?: () => void; readonly withinMs?: number } = {},
): Promise<void> {
  for (let runs = 0; runs < MOST_RUNS; runs += 1) {
    const before = fake.written.length;
    report();
    services.deliver();
    const againMs = await reconciler.run();
    if (againMs !== undefined && againMs <= withinMs) await fake.time.advance(againMs);
    else if (fake.written.length === before) return;
  }
  throw new Error(`does not settle: ${fake.written.slice(-10).join(', ')}`);
}
