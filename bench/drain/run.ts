/**
 * Clients under load behind nginx, two nodes on one Redis: one node is told to end, or is killed. What do its clients notice?
 * This library and server beside socket.io-client and Socket.IO with the Redis streams adapter.
 * Run: node bench/drain/run.ts [--peer signalbox,socket.io] [--fault drain,kill] [--clients 2000] [--rooms 40]
 *      [--interval-ms 100] [--processes 2] [--seconds 5]
 */
import { killAllPrograms } from '../chaos/processes.ts';
import { missing } from './cluster.ts';
import { measure, type Outcome } from './measure.ts';
import { readOptions } from './options.ts';
import { conditions, outcomeTable } from './report.ts';

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.once('exit', killAllPrograms);
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(2));

const options = readOptions(process.argv.slice(2));
const outcomes: Outcome[] = [];
for (const peer of options.peers) {
  const reason = missing(peer);
  if (reason !== null) {
    print(`skipped: ${peer}: ${reason}`);
    continue;
  }
  for (const fault of options.faults) {
    const outcome = await measure(peer, fault, options);
    outcomes.push(outcome);
    print(conditions(outcome, options));
  }
}
print(`\n${outcomeTable(outcomes)}`);
// Whatever is still open ends here.
process.exit();
