/**
 * What costs when the work grows: topics, subscriptions, patterns, nodes, keys in Redis. Each curve has a part of the time;
 * a point that is not complete by then is left out, visibly. Results go to bench/results/growth, and from there to docs/scaling.md.
 * Run: taskset -c 1 node bench/growth/run.ts [--only topics,keys] [--seconds 360] [--most 10000] [--dry]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, hostname, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeStale } from '../../scripts/docs.ts';
import type { GrowthReport } from '../report/growth.ts';
import { growths, type Curve, type Point } from './curve.ts';
import { keys } from './keys.ts';
import { nodes } from './nodes.ts';
import { patterns } from './patterns.ts';
import { subscriptions } from './subscriptions.ts';
import { topics } from './topics.ts';

export interface Budget {
  readonly isSpent: () => boolean;
  /** The points to be taken. */
  upTo(counts: readonly number[]): readonly number[];
  say(point: Point | undefined): void;
}

/** How the time is shared: what one leaves over is for those after it. */
const CURVES: Readonly<Record<string, { readonly share: number; readonly run: (budget: Budget) => Promise<Curve> }>> = {
  topics: { share: 0.25, run: topics },
  subscriptions: { share: 0.25, run: subscriptions },
  patterns: { share: 0.08, run: patterns },
  nodes: { share: 0.17, run: nodes },
  keys: { share: 0.25, run: keys },
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '360' },
    most: { type: 'string', default: '1e9' },
    dry: { type: 'boolean', default: false },
  },
});
const chosen = values.only?.split(',') ?? Object.keys(CURVES);
const started = performance.now();
const end = started + Number(values.seconds) * 1_000;
const curves: Curve[] = [];
for (const id of chosen) {
  const found = CURVES[id];
  if (found === undefined) throw new Error(`expected --only with some of ${Object.keys(CURVES).join(', ')}; got ${id}`);
  process.stdout.write(`${id}\n`);
  const left = chosen.slice(chosen.indexOf(id)).reduce((sum, each) => sum + (CURVES[each]?.share ?? 0), 0);
  const taking = found.run(budget(((end - performance.now()) / 1_000) * (found.share / left)));
  // One curve that fails must not cost the others their figures; it is missing, visibly.
  const curve = await taking.catch((error: unknown) => {
    process.stdout.write(`  FAILED: ${String(error)}\n`);
    return null;
  });
  if (curve === null) continue;
  curves.push(curve);
  for (const { figure, exponent, from, to, isSteep } of growths(curve))
    process.stdout.write(
      `  ${isSteep ? 'STEEPER THAN LINEAR: ' : ''}${figure}: grows with the power ${exponent.toFixed(2)} at most (${from} to ${to})\n`,
    );
}
process.stdout.write(`${Math.round((performance.now() - started) / 1_000)} s in all\n`);
if (!values.dry) publish();
process.exit(0);

function budget(seconds: number): Budget {
  const until = performance.now() + seconds * 1_000;
  return {
    isSpent: () => performance.now() > until,
    upTo: (counts) => counts.filter((count) => count <= Number(values.most)),
    say: (point) => {
      if (point === undefined) return;
      const figures = Object.entries(point.figures).map(([name, value]) => `${name}: ${value.toFixed(2)}`);
      process.stdout.write(`  ${point.x.toLocaleString('en').padStart(9)}  ${figures.join(', ')}\n`);
    },
  };
}

/** Beside what was measured earlier on the same day and machine. */
function publish(): void {
  const directory = fileURLToPath(new URL('../results/growth/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const file = `${directory}${date}-${hostname()}.json`;
  const earlier = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as GrowthReport).curves : [];
  const kept = earlier.filter(({ id }) => !curves.some((curve) => curve.id === id));
  const all = Object.keys(CURVES).flatMap((id) => [...kept, ...curves].filter((curve) => curve.id === id));
  const conditions = `*${date}, ${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}. \`taskset -c 1 node bench/growth/run.ts\`*`;
  writeFileSync(file, `${JSON.stringify({ conditions, curves: all } satisfies GrowthReport, null, 1)}\n`);
  writeStale();
}
