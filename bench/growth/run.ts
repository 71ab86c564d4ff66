/**
 * What costs when the work grows: topics, subscriptions, patterns, nodes, keys in Redis. Each curve has a part of the time;
 * a point that is not complete by then is left out, visibly. Results go to bench/results/growth, and from there to docs/scaling.md.
 * Run: taskset -c 1 node bench/growth/run.ts [--only topics,keys] [--seconds 540] [--least 1000] [--most 10000] [--dry]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, hostname, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeStale } from '../../scripts/docs.ts';
import type { GrowthReport } from '../report/growth.ts';
import { growths, type Budget, type Curve, type Measurement, type Point } from './curve.ts';
import { keys } from './keys.ts';
import { OutOfTime } from './load.ts';
import { nodes } from './nodes.ts';
import { patterns } from './patterns.ts';
import { subscriptions } from './subscriptions.ts';
import { topics } from './topics.ts';

/** How the time is shared: what one leaves over is for those after it. */
const CURVES: readonly { readonly share: number; readonly curve: Measurement }[] = [
  { share: 0.25, curve: topics },
  { share: 0.18, curve: subscriptions },
  { share: 0.08, curve: patterns },
  { share: 0.15, curve: nodes },
  { share: 0.34, curve: keys },
];
/** After its time a curve ends with the step under way; one that does not is given up. */
const GRACE_SECONDS = 15;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '540' },
    least: { type: 'string', default: '0' },
    most: { type: 'string', default: '1e9' },
    dry: { type: 'boolean', default: false },
  },
});
const ids = CURVES.map(({ curve }) => curve.id);
const asked = values.only?.split(',') ?? ids;
const unknown = asked.filter((id) => !ids.includes(id));
if (unknown.length > 0) throw new Error(`expected --only with some of ${ids.join(', ')}; got ${unknown.join(', ')}`);
const chosen = CURVES.filter(({ curve }) => asked.includes(curve.id));
const started = performance.now();
const end = started + Number(values.seconds) * 1_000;
const curves: Curve[] = [];
for (const [at, { share, curve }] of chosen.entries()) {
  const left = chosen.slice(at).reduce((sum, each) => sum + each.share, 0);
  const points = await taken(curve, ((end - performance.now()) / 1_000) * (share / left));
  const { run: _, ...described } = curve;
  if (points.length > 0) curves.push({ ...described, points });
  for (const { figure, exponent, from, to, isSteep } of growths({ ...described, points }))
    process.stdout.write(
      `  ${isSteep ? 'STEEPER THAN LINEAR: ' : ''}${figure}: grows with the power ${exponent.toFixed(2)} at most (${from} to ${to})\n`,
    );
}
process.stdout.write(`${Math.round((performance.now() - started) / 1_000)} s in all\n`);
if (!values.dry) publish();
process.exit(0);

/** The points of a curve that are complete in time. One that fails must not cost the others their figures. */
async function taken(curve: Measurement, seconds: number): Promise<readonly Point[]> {
  process.stdout.write(`${curve.id}, ${Math.round(seconds)} s\n`);
  const points: Point[] = [];
  const until = performance.now() + seconds * 1_000;
  const budget: Budget = {
    isSpent: () => performance.now() > until,
    upTo: (counts) => counts.filter((count) => count >= Number(values.least) && count <= Number(values.most)),
    take: (point) => {
      points.push(point);
      const figures = Object.entries(point.figures).map(([name, value]) => `${name}: ${value.toFixed(2)}`);
      process.stdout.write(`  ${point.x.toLocaleString('en').padStart(9)}  ${figures.join(', ')}\n`);
    },
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new OutOfTime()), (seconds + GRACE_SECONDS) * 1_000);
  });
  await Promise.race([curve.run(budget), late]).catch((error: unknown) => {
    process.stdout.write(error instanceof OutOfTime ? '  out of time\n' : `  FAILED: ${String(error)}\n`);
  });
  clearTimeout(timer);
  return [...points];
}

/** Beside what was measured earlier on the same day and machine. */
function publish(): void {
  const directory = fileURLToPath(new URL('../results/growth/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const file = `${directory}${date}-${hostname()}.json`;
  const earlier = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as GrowthReport).curves : [];
  const all = ids.flatMap(
    (id) => curves.find((each) => each.id === id) ?? earlier.find((each) => each.id === id) ?? [],
  );
  const conditions = `*${date}, ${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}. \`taskset -c 1 node bench/growth/run.ts\`*`;
  writeFileSync(file, `${JSON.stringify({ conditions, curves: all } satisfies GrowthReport, null, 1)}\n`);
  writeStale();
}
