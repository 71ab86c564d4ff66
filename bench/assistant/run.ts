/**
 * The assistant over the wire: a model that streams and the users are this process, the server has a core of its own.
 * Run: taskset -c 1 node bench/assistant/run.ts postgresql://user@host/database [--only first,streams,idle,hang] [--answers 1000] [--seconds 10] [--sessions 5000]
 */
import { parseArgs } from 'node:util';
import { pause } from '../pause.ts';
import { cpuSeconds, residentBytes, type ServerProcess } from '../processes.ts';
import { startSignalbox } from '../servers.ts';
import { quantile } from '../statistics.ts';
import { ModelServer } from './model-server.ts';
import { Talker } from './talker.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: 'first,streams,idle,hang' },
    answers: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    sessions: { type: 'string', default: '5000' },
    idle: { type: 'string', default: '65' },
  },
});
const [url = ''] = positionals;
const [answers, seconds, sessions, idle] = [values.answers, values.seconds, values.sessions, values.idle].map(
  Number,
) as [number, number, number, number];

const DELTAS_PER_SECOND = 50;
const FIRST = { questions: 500, warm: 100, targetMs: 5 };
/** Asking a thousand takes some seconds; more at once than the pool has places are refused as `temporary`. */
const STREAMS = { targetMs: 50, rampSeconds: 8, askers: 40 };
const IDLE = { users: 50, targetBytes: 4_096 };
const HANG = { others: 20, requests: 4_000 };
const SETTLE_MS = 30_000;

const model = await ModelServer.open();
const most = '100000';
const server: ServerProcess = await startSignalbox({
  'database.url': url,
  'database.migrate': 'true',
  'apps.modules': ['conversations', 'assistant']
    .map((name) => new URL(`../../src/apps/${name}/app.ts`, import.meta.url).pathname)
    .join(','),
  'apps.conversations.online': 'false',
  'apps.assistant.provider': 'openai',
  'apps.assistant.base_url': model.url,
  'apps.assistant.model': 'bench',
  'apps.assistant.at_once': '10000',
  'apps.assistant.waiting': most,
  'apps.assistant.messages_per_minute': most,
  'apps.assistant.sessions_per_hour': most,
  'apps.assistant.active_sessions': most,
  'apps.assistant.first_delta_ms': '600000',
  'apps.assistant.answer_ms': '600000',
});
const BENCHES = { first, streams, idle: idleSessions, hang };
for (const [name, bench] of Object.entries(BENCHES)) if (values.only.split(',').includes(name)) await bench();
await server.stop();
model.close();

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function told(latencies: readonly number[]): string {
  const [p50, p99, longest] = [0.5, 0.99, 1].map((share) => `${quantile(latencies, share).toFixed(2)} ms`);
  return `p50 ${p50}, p99 ${p99}, longest ${longest} (${latencies.length})`;
}

async function crowd(count: number, prefix: string): Promise<readonly { talker: Talker; session: string }[]> {
  const made: { talker: Talker; session: string }[] = [];
  for (let at = 0; at < count; at += 1) {
    const talker = await Talker.open(server.port, `${prefix}-${at}`);
    made.push({ talker, session: await talker.begin() });
  }
  // The subscription to the new session is told by itself.
  await pause(1);
  return made;
}

async function until(isDone: () => boolean, ms = SETTLE_MS): Promise<void> {
  for (const deadline = performance.now() + ms; !isDone() && performance.now() < deadline;) await pause(0.02);
}

/** One question after the other: from the delta of the model to its frame. */
async function first(): Promise<void> {
  const [user] = await crowd(1, 'first');
  if (user === undefined) return;
  const { talker, session } = user;
  const latencies: number[] = [];
  talker.onDelta = (writtenAt) => latencies.push(performance.now() - writtenAt);
  for (let at = 0; at < FIRST.warm + FIRST.questions; at += 1) {
    const before = talker.ended;
    if (at === FIRST.warm) latencies.length = 0;
    await talker.ask('X-AssistantAsk', { session, content: 'now' });
    await until(() => talker.ended > before);
  }
  talker.close();
  say(`first delta behind that of the model: ${told(latencies)}; target p50 ${FIRST.targetMs} ms`);
}

/** While all stream: asking and storing have their own price. */
async function streams(): Promise<void> {
  const users = await crowd(answers, 'stream');
  const latencies: number[] = [];
  const begun = model.written;
  let heard = 0;
  for (const { talker } of users)
    talker.onDelta = (writtenAt) => {
      heard += 1;
      latencies.push(performance.now() - writtenAt);
    };
  const content = `stream ${DELTAS_PER_SECOND * (seconds + STREAMS.rampSeconds)}`;
  const rampEnd = performance.now() + STREAMS.rampSeconds * 1_000;
  const waiting = [...users];
  const askers = Array.from({ length: STREAMS.askers }, async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      await next.talker.ask('X-AssistantAsk', { session: next.session, content });
  });
  await Promise.all(askers);
  const late = performance.now() - rampEnd;
  if (late > 0) say(`asking took ${Math.round(late)} ms longer than the ramp: some answers end within the window`);
  await pause(1);
  latencies.length = 0;
  const before = { written: model.written, busy: performance.eventLoopUtilization(), cpu: cpuSeconds(server.pid) };
  await pause(seconds - 1);
  const each = ((cpuSeconds(server.pid) - before.cpu) * 1e6) / (model.written - before.written);
  const share = performance.eventLoopUtilization(before.busy).utilization;
  const inWindow = [...latencies];
  await until(() => users.every(({ talker }) => talker.ended > 0), (seconds + STREAMS.rampSeconds) * 1_000 + SETTLE_MS);
  const missing = model.written - begun - heard;
  const ended = users.filter(({ talker }) => talker.ended > 0).length;
  for (const { talker } of users) talker.close();
  say(
    `${answers} answers at ${DELTAS_PER_SECOND} deltas a second: ${told(inWindow)}, ${missing} missing, ${ended} ended; the server took ${each.toFixed(1)} µs of its processor for a delta; this process was busy ${Math.round(share * 100)} % of the time; target p99 ${STREAMS.targetMs} ms`,
  );
}

/** Sessions that were asked something and are left alone by users who are gone: the slope between two counts. */
async function idleSessions(): Promise<void> {
  const batch = async (prefix: string): Promise<number> => {
    const each = Math.ceil(sessions / IDLE.users);
    await Promise.all(
      Array.from({ length: IDLE.users }, async (_, at) => {
        const talker = await Talker.open(server.port, `${prefix}-${at}`);
        for (let n = 0; n < each; n += 1) {
          const session = await talker.begin();
          await talker.ask('X-AssistantAsk', { session, content: 'now' });
        }
        await until(() => talker.ended >= each);
        talker.close();
      }),
    );
    await pause(idle);
    return residentBytes(server.pid);
  };
  // The first ones fill what is allocated once.
  await batch('warm');
  const before = await batch('idle-a');
  const after = await batch('idle-b');
  say(
    `memory of an idle session, ${idle} s after its answer: ${Math.round((after - before) / sessions)} bytes (${sessions} sessions, resident ${Math.round(before / 1e6)} → ${Math.round(after / 1e6)} MB); target ${IDLE.targetBytes} bytes`,
  );
}

/** Requests of others, one after the other by each, without and with answers that hang. */
async function hang(): Promise<void> {
  const others = await crowd(HANG.others, 'other');
  const measure = async (): Promise<number[]> => {
    const latencies: number[] = [];
    await Promise.all(
      others.map(async ({ talker, session }) => {
        for (let at = 0; at < HANG.requests / HANG.others; at += 1) {
          const begun = performance.now();
          await talker.ask('X-AssistantSession', { session });
          latencies.push(performance.now() - begun);
        }
      }),
    );
    return latencies;
  };
  await measure();
  const without = await measure();
  const users = await crowd(answers, 'hang');
  await Promise.all(users.map(({ talker, session }) => talker.ask('X-AssistantAsk', { session, content: 'hang' })));
  await until(() => model.hanging >= answers);
  const beside = await measure();
  say(`requests of others without answers that hang: ${told(without)}`);
  say(`requests of others beside ${model.hanging} answers that hang: ${told(beside)}`);
  for (const { talker, session } of users) {
    await talker.ask('X-AssistantStop', { session });
    talker.close();
  }
  for (const { talker } of others) talker.close();
}
