/**
 * Two checkouts of Signalbox in one run: both servers stand on the same core with their clients connected, and short slices
 * of the same work alternate between them (a b, b a, a b, …). Each pair of neighbours gives one ratio, so that whatever
 * disturbs the machine for longer than a slice meets both sides of a ratio. Several sittings, each with fresh processes:
 * two processes of the same program differ too.
 */
import type { Plan } from '../section.ts';

/** Where a figure is better: `more` of it, or `less`. */
export type Better = 'more' | 'less';

export interface Slice {
  /** One for each name in {@link Contest.figures}. */
  readonly figures: Readonly<Record<string, number>>;
  /** Lost, duplicated or refused: 0, or the figures are worth nothing. */
  readonly faults: number;
  /** Of one core, while it ran: nearly 1 means that it may have been the limit. */
  readonly generatorCpuShare: number;
}

/** One server with the clients that work on it. */
export interface Probe {
  slice(seconds: number): Promise<Slice>;
  close(): Promise<void>;
}

export interface Contest {
  /** What `--only` calls it. */
  readonly id: string;
  readonly title: string;
  readonly figures: Readonly<Record<string, Better>>;
  /** Pairs of slices in a sitting. */
  readonly pairs: number;
  /** At most so many sittings, where one takes long. */
  readonly sittings?: number;
  /** Thrown away at the beginning of a sitting, each as long as a warm-up: V8 compiles meanwhile. */
  readonly warmUpSlices: number;
  /** @param checkout whose server is started */
  open(checkout: string, plan: Plan): Promise<Probe>;
}

export interface Pair {
  readonly ours: Slice;
  readonly theirs: Slice;
}

export async function hold(contest: Contest, checkouts: { ours: string; theirs: string }, plan: Plan): Promise<Pair[]> {
  const pairs: Pair[] = [];
  const sittings = Math.min(plan.rounds, contest.sittings ?? plan.rounds);
  for (let sitting = 0; sitting < sittings; sitting += 1) pairs.push(...(await sit(contest, checkouts, plan, sitting)));
  return pairs;
}

async function sit(
  contest: Contest,
  checkouts: { ours: string; theirs: string },
  plan: Plan,
  sitting: number,
): Promise<Pair[]> {
  // Which of them is started first changes too.
  const order = sitting % 2 === 0 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const);
  const probes = new Map<'ours' | 'theirs', Probe>();
  const pairs: Pair[] = [];
  try {
    for (const side of order) probes.set(side, await contest.open(checkouts[side], plan));
    const slice = (side: 'ours' | 'theirs', seconds: number): Promise<Slice> =>
      (probes.get(side) as Probe).slice(seconds);
    for (let at = 0; at < contest.warmUpSlices; at += 1)
      for (const side of order) await slice(side, plan.warmUpSeconds);
    for (let at = 0; at < (plan.isQuick ? 1 : contest.pairs); at += 1) {
      const sides = at % 2 === 0 ? order : order.toReversed();
      const got = { ours: NOTHING, theirs: NOTHING };
      for (const side of sides) got[side] = await slice(side, plan.seconds);
      pairs.push(got);
    }
  } finally {
    for (const probe of probes.values()) await probe.close();
  }
  return pairs;
}

const NOTHING: Slice = { figures: {}, faults: 0, generatorCpuShare: 0 };
