/** What of the backend is counted and logged. Names of metrics begin with `signalbox_webhooks_`. */
import type { Host, Observations } from '../host-api.ts';
import type { Outcome, Question } from './answers.ts';
import type { BreakerState } from '../calling/circuit-breaker.ts';
import type { DeadLetter, QueueTold } from './event-queue.ts';
import type { DeliveryTold } from './delivery.ts';
import type { QuestionsTold } from './questions.ts';
import { RareLines } from './rare-lines.ts';

/** A trouble that lasts is critical after so many failures in a row. */
const ALERT_AFTER = 10;

export function tellOfQuestions(host: Host): QuestionsTold {
  const { log } = host;
  const lines = new RareLines(log, host.clock);
  const asked = host.counter('asked_total', 'Questions that the backend was asked, or should have been.');
  const refused = host.counter('asked_refused_total', 'Questions that the backend answered with no.');
  const down = host.counter('asked_down_total', 'Questions without an answer: not there, not in time, not asked.');
  const wrong = host.counter(
    'asked_wrong_total',
    'Answers that were none: redirects, other types, too long, not JSON.',
  );
  const remembered = host.counter('asked_remembered_total', 'Questions answered from memory.');
  const seconds = host.histogram('ask_seconds', 'From a question to its answer, waiting for a place included.');
  return {
    asked: (question, outcome, took) => {
      asked.add();
      seconds.observe(took);
      if (outcome.kind === 'answer') {
        if (isNo(outcome)) refused.add();
        return;
      }
      (outcome.kind === 'down' ? down : wrong).add();
      const { why, detail } = outcome;
      const message =
        outcome.kind === 'down' ? 'The backend did not answer' : 'The answer of the backend cannot be used';
      lines.warn(`${question} ${why}`, message, { question, why, detail });
    },
    remembered: (_question: Question) => remembered.add(),
    breaker: (state: BreakerState) => {
      const message = `The circuit breaker before the backend is ${state.replace('_', ' ')}`;
      if (state === 'open') log.warn(message);
      else log.info(message);
    },
  };
}

function isNo(outcome: Outcome<unknown>): boolean {
  return outcome.kind === 'answer' && !(outcome.answer as { readonly allow: boolean }).allow;
}

export function tellOfQueue(host: Host, filled: () => void): QueueTold {
  const lines = new RareLines(host.log, host.clock);
  const dropped = host.counter(
    'events_dropped_total',
    'Events that gave way in a full queue, or before a disk or store that took none. Anything but 0 is a loss.',
  );
  const failures = host.counter(
    'queue_failures_total',
    'Failures of the disk or the shared store to keep or give back events.',
  );
  return {
    filled,
    dropped: (events, why) => {
      dropped.add(events);
      lines.warn(`dropped ${why}`, 'Events for the backend were dropped', { events, why });
    },
    failed: (what, error) => {
      failures.add();
      lines.warn(`queue ${what}`, 'The queue of events for the backend is in trouble', { what, error });
    },
  };
}

export function tellOfDelivery(host: Host): DeliveryTold & { readonly seconds: Observations } {
  const { log } = host;
  const lines = new RareLines(log, host.clock);
  const delivered = host.counter('events_delivered_total', 'Events that the backend has taken.');
  const retries = host.counter('event_retries_total', 'Attempts to deliver events that failed and are repeated.');
  const dead = host.counter('events_dead_total', 'Events given up: dead letters.');
  return {
    seconds: host.histogram('delivery_seconds', 'From the sending of a batch of events to its answer.'),
    delivered: (events) => delivered.add(events),
    retrying: (sent, failures, delayMs) => {
      retries.add();
      const fields = { why: sent.kind, detail: sent.detail, failures, again_in_ms: Math.round(delayMs) };
      lines.warn(`retry ${sent.kind}`, 'Events were not delivered', fields);
      if (failures === ALERT_AFTER) host.alert('The backend takes no events', fields);
    },
    gaveUp: (letters: readonly DeadLetter[]) => {
      dead.add(letters.length);
      const [first] = letters;
      lines.warn('dead', 'Events became dead letters', {
        events: letters.length,
        first: first?.id,
        reason: first?.reason,
      });
    },
    broke: (error) => lines.warn('broke', 'Delivering events failed inside the server', { error }),
  };
}
