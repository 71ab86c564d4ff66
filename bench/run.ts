/**
 * The benchmarks. Each starts servers as processes of their own on one core and drives them from this process on
 * another. `--only w1,w4` chooses, `--rounds 5` and `--seconds 1` set how often and how long, `--quick` only checks that
 * everything works, `--servers raw-cork,signalbox-json` measures some of them; both write nothing. `--against <checkout>` compares
 * this checkout with another one, in short slices that alternate. Results go to
 * bench/results, and from there to docs/benchmarks.md and docs/performance.md.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, hostname, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { uwsVersion } from '../src/transport/uws.ts';
import { writeStale } from '../scripts/docs.ts';
import { against } from './against/run.ts';
import { comparisonTable } from './against/ratios.ts';
import { markdown, WORKLOADS, type Report, type Reports } from './report/page.ts';
import type { Plan, Section } from './section.ts';
import { linearity } from './workloads/linearity.ts';
import { w1, w1u } from './workloads/w1.ts';
import { w2 } from './workloads/w2.ts';
import { w3 } from './workloads/w3.ts';
import { w4 } from './workloads/w4.ts';
import { w5 } from './workloads/w5.ts';
import { w6 } from './workloads/w6.ts';
import { w7 } from './workloads/w7.ts';

const RUN: Readonly<Record<(typeof WORKLOADS)[number], (plan: Plan) => Promise<Section>>> = {
  w1,
  w1u,
  w2,
  w3,
  w4,
  w5,
  w6,
  w7,
  linearity,
};
/** `actor_system.flush_slice_ms`: the default, with which everything here runs. */
const FLUSH_SLICE_MS = 5;

const DEFAULT_SECONDS = 1;
/** Many short slices tell more than few long ones. */
const SLICE_SECONDS = 0.4;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    servers: { type: 'string' },
    against: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const plan: Plan = {
  rounds: values.quick ? 1 : Number(values.rounds),
  seconds: values.quick
    ? 0.5
    : Number(values.seconds ?? (values.against === undefined ? DEFAULT_SECONDS : SLICE_SECONDS)),
  warmUpSeconds: values.quick ? 0.3 : 1.5,
  isQuick: values.quick,
  servers: values.servers?.split(',') ?? null,
  say: (text) => process.stdout.write(`${text}\n`),
};
const asked = values.only?.split(',') ?? WORKLOADS;
const chosen = WORKLOADS.filter((name) => asked.includes(name));
const unknown = asked.filter((name) => !WORKLOADS.some((each) => each === name));
if (unknown.length > 0) {
  process.stderr.write(`expected --only with some of ${WORKLOADS.join(', ')}; got ${unknown.join(', ')}\n`);
  process.exit(2);
}

const started = performance.now();
if (values.against !== undefined) {
  const { before, now, comparisons } = await against(values.against, values.only?.split(',') ?? null, plan);
  plan.say(`\n${now} beside ${before}, in one run:\n\n${markdown(comparisonTable(comparisons))}\n`);
  plan.say(`${Math.round((performance.now() - started) / 1_000)} s in all`);
  process.exit(0);
}
const measured: Record<string, Report> = {};
for (const name of chosen) {
  const section = await RUN[name](plan);
  measured[name] = { conditions: conditions(name), section };
}
for (const { section } of Object.values(measured)) {
  for (const { text, goal, compare, reached } of section.targets)
    plan.say(`${text}: ${reached === null ? 'not measured' : reached.toFixed(2)} (${compare} ${goal})`);
}
plan.say(`${Math.round((performance.now() - started) / 1_000)} s in all`);
if (plan.isQuick || plan.servers !== null) plan.say('a part of it only: nothing written');
else publish(measured);
process.exit(0);

function conditions(name: string): string {
  const command = `BENCH="--only ${name} --rounds ${plan.rounds} --seconds ${plan.seconds}" make bench`;
  return (
    `*${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}, ` +
    `uWebSockets.js ${uwsVersion}; medians of ${plan.rounds} alternating rounds of ${plan.seconds} s; flush slice ${FLUSH_SLICE_MS} ms; limits on and set to 10⁹. \`${command}\`*`
  );
}

/** Adds to what was measured earlier on the same day and machine, and brings the pages up to date. */
function publish(reports: Reports): void {
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const file = `${directory}${new Date().toISOString().slice(0, 10)}-${hostname()}.json`;
  const earlier = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { reports?: Reports }) : {};
  const found = { ...earlier.reports, ...reports };
  const all = Object.fromEntries(WORKLOADS.flatMap((id) => (found[id] === undefined ? [] : [[id, found[id]]])));
  writeFileSync(file, `${JSON.stringify({ written: new Date().toISOString(), reports: all }, null, 1)}\n`);
  writeStale();
}
