/** A process that does nothing but pipelined calls of the append script: told `<ms>` on a line, it answers `<calls>`. */
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { readTopicScripts } from '../../src/broker/redis-scripts.ts';
import { pipelinedAppends } from './pipelines.ts';

const [port, topics, inFlight, payloadBytes] = process.argv.slice(2).map(Number);
const bare = new Redis({ port: port ?? 0, host: '127.0.0.1' });
const options = { topics: topics ?? 1, inFlight: inFlight ?? 2, payloadBytes: payloadBytes ?? 2 };
await bare.script('LOAD', readTopicScripts().append.source);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${await pipelinedAppends(bare, Number(line), options)}\n`);
bare.disconnect();
