/**
 * The chaos suite: three nodes, Redis with a replica and Sentinel, nginx, publishers, subscribers that go and come, and a
 * schedule of faults that a seed repeats. Everything sent, acknowledged and received is recorded and checked afterwards.
 * Run: node bench/chaos/main.ts [--seconds 600] [--seed 7] [--faults node-kill,redis-failover] [--publishers 4]
 *      [--subscribers 8] [--topics 6] [--rate 100] [--recovery-ms 10000] [--logs] [--launcher FILE]
 * Exit code 1: something did not hold. 2: it could not be found out.
 */
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { check } from './checks.ts';
import { startCluster } from './cluster.ts';
import { removeNetworks } from './network.ts';
import { killAllPrograms } from './processes.ts';
import { print, printReport } from './report.ts';
import { readOptions, type ChaosOptions } from './options.ts';
import { run } from './run.ts';
import { planFaults } from './schedule.ts';

async function main(options: ChaosOptions): Promise<number> {
  const cluster = await startCluster(options.nodes, options.launcher, (node, text) => {
    if (options.logs) print(`${node}: ${text.trimEnd()}`);
  });
  try {
    const faults = options.faults.filter((name) => cluster.network.hasNamespaces || !name.startsWith('link-'));
    const plan = planFaults(new SeededRandom(options.seed), {
      ms: options.seconds * 1_000,
      nodes: options.nodes,
      faults,
    });
    // A run in which nothing fails would hold whatever is broken.
    if (plan.length === 0)
      throw new Error('expected at least one fault that is possible here and ends within --seconds');
    const record = await run(cluster, plan, options);
    const verdict = check(record, options.recoveryMs);
    printReport(record, verdict, options);
    return verdict.violations.length === 0 ? 0 : 1;
  } finally {
    await cluster.stop();
  }
}

/** Programs and namespaces go with the suite, however it ends. */
function leaveNothing(): void {
  process.once('exit', () => {
    killAllPrograms();
    removeNetworks();
  });
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(2));
}

leaveNothing();
try {
  process.exitCode = await main(readOptions(process.argv.slice(2)));
} catch (error) {
  print(`chaos: could not be run: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
// Whatever is still open ends here.
process.exit();
