/** The seam for teams in other languages: a backend that is asked and told over HTTP (docs/webhooks.md). */
import { join } from 'node:path';
import type { App, Health, Hooks, Parts } from '../app.ts';
import type { Host } from '../host-api.ts';
import { Asking } from './asking.ts';
import { Backend } from './backend.ts';
import { FileQueue } from './file-queue.ts';
import { Questions } from './questions.ts';
import { keptLetters, routes } from './routes.ts';
import { settings, type Settings } from './settings.ts';
import { keyOf, Signer } from './signature.ts';
import { Telling, type MakeQueue } from './telling.ts';
import { tellOfQuestions } from './told.ts';
import { verbs } from './verbs.ts';

/** Of a queue, the part beyond which somebody should look. */
const FULL_PART = 0.5;
/** What a node that delivers needs beside the time of the backend. */
const LEASE_SLACK_MS = 5_000;

export const app: App<Settings> = {
  name: 'webhooks',
  settings,
  verbs,
  start: async (host, given) => {
    warnOfPlainHttp(given, host);
    const signer = new Signer([given.secret, given.previous_secret].flatMap((text) => keyOf(text ?? '') ?? []));
    const backend = backendOf(given, host);
    const questions = questionsOf(given, host, backend, signer);
    const asking = new Asking(host, given, questions);
    const telling =
      given.tell.length === 0 ? null : new Telling(host, given, backend, signer, await queueMaker(given, host));
    await telling?.start();
    const letters = telling === null ? null : keptLetters(host, telling);
    const hooks: Hooks = { ...telling?.hooks(), ...asking.hooks() };
    const parts: Parts = {
      frames: asking.frames(),
      topics: asking.topics(),
      routes: routes(host, questions, letters),
      ...(letters !== null && { deadLetters: letters }),
      hooks,
      health: () => healthOf(given, questions, telling),
      stop: async () => {
        await telling?.stop();
        backend.close();
      },
    };
    return parts;
  },
};

/** Signed bytes cannot be changed on the way, but they can be read. */
function warnOfPlainHttp({ url }: Settings, { log }: Host): void {
  const { protocol, hostname } = new URL(url);
  const isHere = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  if (protocol === 'http:' && !isHere) log.warn('The backend is reached without TLS', { host: hostname });
}

function backendOf(given: Settings, { scheduler }: Host): Backend {
  const options = {
    url: new URL(given.url),
    // One more than questions: events are never behind them.
    connections: given.concurrency + 1,
    maxAnswerBytes: given.max_answer_bytes,
    userAgent: 'signalbox-webhooks',
  };
  return new Backend(options, scheduler);
}

function questionsOf(given: Settings, host: Host, backend: Backend, signer: Signer): Questions {
  const { clock, scheduler, random } = host;
  const questions = new Questions(
    {
      timeoutMs: given.timeout_ms,
      atOnce: given.concurrency,
      waiting: given.waiting,
      remembered: given.remembered_answers,
      breaker: { failures: given.breaker_failures, openMs: given.breaker_open_ms },
    },
    backend,
    signer,
    { clock, scheduler, random },
    tellOfQuestions(host),
  );
  host.gauge('asking', 'Questions under way.', () => questions.underWay);
  host.gauge('breaker_open', 'Whether the circuit breaker keeps questions back.', () =>
    Number(questions.breakerState !== 'closed'),
  );
  return questions;
}

/** @throws when the queue is to be shared, and there is no store for that */
async function queueMaker(given: Settings, host: Host): Promise<MakeQueue> {
  const { node, clock, scheduler, random, shared } = host;
  const limits = { maxEvents: given.queue_events, maxBytes: given.queue_bytes, deadLetters: given.dead_letters };
  if (given.queue === 'file')
    return (told) => new FileQueue(join(given.queue_dir ?? '.', node), limits, clock, scheduler, told);
  if (shared === null)
    throw new Error('expected redis.url, because the queue of events is to be shared by all nodes (queue = "shared")');
  const options = { ...limits, owner: `${node} ${random.id()}`, leaseMs: given.tell_timeout_ms + LEASE_SLACK_MS };
  const { SharedQueue } = await import('./redis-queue.ts');
  return (told) => new SharedQueue(options, shared, clock, scheduler, told);
}

function healthOf(given: Settings, questions: Questions, telling: Telling | null): Health {
  const { breakerState } = questions;
  if (breakerState !== 'closed')
    return { status: 'degraded', detail: `the backend does not answer: the circuit breaker is ${breakerState}` };
  if (telling === null) return { status: 'healthy' };
  const { events, bytes } = telling.queue.size();
  if (events > FULL_PART * given.queue_events || bytes > FULL_PART * given.queue_bytes)
    return { status: 'degraded', detail: `${events} events wait for the backend: the oldest will give way` };
  const { failuresInRow, lastFailure } = telling.delivery;
  if (failuresInRow <= 1) return { status: 'healthy' };
  const detail = `the backend takes no events: ${failuresInRow} attempts in a row failed, the last one ${lastFailure}`;
  return { status: 'degraded', detail };
}
