/** An operator who asks ten times a second until its standard input ends; prints the latencies of the answers. */
import { Agent, request } from 'node:http';
import { createHistogram } from 'node:perf_hooks';

const [port = ''] = process.argv.slice(2);
const INTERVAL_MS = 100;
const ASKS = [
  ['GET', '/admin/connections?limit=100&sort=mailbox', undefined],
  ['GET', '/admin/connections?limit=100&sort=age', undefined],
  ['GET', '/admin/topics?limit=100', undefined],
  ['GET', '/metrics', undefined],
  ['PUT', '/admin/config/log-level', '{"level":"info"}'],
  ['POST', '/admin/emergency-mode', '{"mode":"read_only","dry_run":true}'],
] as const;

const agent = new Agent({ keepAlive: true, maxSockets: 4 });
const latency = createHistogram();
let count = 0;
let failed = 0;
let next = 0;

const timer = setInterval(() => {
  const [method, path, body] = ASKS[next % ASKS.length] ?? ASKS[0];
  next += 1;
  const started = performance.now();
  const headers = { authorization: `Bearer ${process.env['ADMIN_TOKEN'] ?? ''}` };
  const asked = request({ host: '127.0.0.1', port, path, method, agent, headers }, (response) => {
    response.resume();
    response.on('end', () => {
      count += 1;
      if (response.statusCode !== 200) failed += 1;
      latency.record(Math.max(1, Math.round((performance.now() - started) * 1_000)));
    });
  });
  asked.on('error', () => {
    failed += 1;
  });
  asked.end(body);
}, INTERVAL_MS);

process.stdin.resume();
process.stdin.on('end', () => {
  clearInterval(timer);
  agent.destroy();
  const ms = (percentile: number): number => latency.percentile(percentile) / 1_000;
  process.stdout.write(JSON.stringify({ count, failed, p50: ms(50), p99: ms(99), max: latency.max / 1_000 }));
});
