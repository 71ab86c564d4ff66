/**
 * The answers that this node makes, and what other nodes ask of it. A node that ends interrupts them; of one that died, whichever
 * node looks first says that its answers are interrupted, and they can be asked for again.
 */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Timer } from '../../../telemetry/clock.ts';
import type { Host } from '../../host-api.ts';
import { ASSISTANT, type Ports } from '../ports.ts';
import type { Question } from '../providers/provider.ts';
import { correlationOf, HOLD_MS, holdOn, takeAbandoned, type AnswerKey } from './records.ts';
import { RunningAnswer } from './running-answer.ts';

/** Two rounds may fail before somebody else takes an answer for abandoned. */
const EVERY_MS = HOLD_MS / 3;
/** Of one answer: readers that come together are told once. */
const WHOLE_EVERY_MS = 100;

type Wish = 'stop' | 'whole';

export class Answering {
  private readonly ports: Ports;
  /** By session: it has one at a time. */
  private readonly running = new Map<string, RunningAnswer>();
  private readonly wholeSoon = new Set<string>();
  private readonly timer: Timer;
  private isOver = false;

  constructor(ports: Ports, on: Host['on']) {
    this.ports = ports;
    this.timer = ports.host.scheduler.every(EVERY_MS, () => void this.look());
    on('wish', (data) => this.wished(data));
    ports.database.onReady(() => void this.look());
  }

  get size(): number {
    return this.running.size;
  }

  begin(key: AnswerKey, user: string, question: Question): void {
    const answer = new RunningAnswer(this.ports, key, user, question);
    const place = placeOf(key);
    this.running.set(place, answer);
    void answer.ended.then(() => {
      if (this.running.get(place) === answer) this.running.delete(place);
    });
    // Between the look at whether this node ends and now it may have ended.
    if (this.isOver) answer.stop('interrupted');
  }

  /** On whichever node it runs. */
  wish(what: Wish, { tenant, session }: Pick<AnswerKey, 'tenant' | 'session'>): void {
    this.ports.host.emit('wish', { what, tenant, session });
  }

  /** What was said so far stays out of the messages: the answer is interrupted, and can be asked for again. */
  async stop(): Promise<void> {
    this.isOver = true;
    this.timer.cancel();
    for (const answer of this.running.values()) answer.stop('interrupted');
    await Promise.all([...this.running.values()].map(({ ended }) => ended));
  }

  /** Says that its own answers are under way, and ends those of nodes that no longer say so. */
  async look(): Promise<void> {
    const { database, host, shared } = this.ports;
    shared.forgetOld();
    if (!database.isReady || this.isOver) return;
    try {
      const now = host.clock.now();
      await this.holdOn(now);
      for (const key of await takeAbandoned(database, now)) await this.tellInterrupted(key);
    } catch (error) {
      // The next round tries again; that the database is away is told by the link.
      if (!database.isProblem(error)) throw error;
    }
  }

  /** An answer that another node has taken for abandoned is not told to its end: it has one, and may have a further attempt. */
  private async holdOn(now: number): Promise<void> {
    const held = [...this.running.values()];
    const kept = await holdOn(
      this.ports.database,
      held.map(({ key }) => key),
      now,
    );
    const places = new Set(kept.map(attemptOf));
    for (const answer of held) if (!places.has(attemptOf(answer.key))) answer.stop('interrupted');
  }

  private async tellInterrupted(key: AnswerKey): Promise<void> {
    const { tenant, session, question, attempt } = key;
    const correlationId = correlationOf(key);
    const { conversations, counts, host } = this.ports;
    counts.answers.add(1, 'interrupted');
    this.ports.news.tell({ tenant, session });
    host.log.warn('An answer was interrupted: its node is gone', { correlation_id: correlationId, session, question });
    const topic = conversations.liveTopicOf(session);
    for (const payload of [
      { event: 'answer.end', status: 'interrupted', question, attempt, correlationId },
      { event: 'typing', user: ASSISTANT, isTyping: false },
    ])
      await host.publish(topic, { tenant, from: ASSISTANT, payload });
  }

  private wished(data: JsonValue): void {
    const { what, tenant, session } = data as unknown as Wished;
    const place = placeOf({ tenant, session });
    const answer = this.running.get(place);
    if (answer === undefined) return;
    if (what === 'stop') return answer.stop('stopped');
    if (this.wholeSoon.has(place)) return;
    this.wholeSoon.add(place);
    answer.tellWhole();
    // A reader that asks as it subscribes may not follow the topic yet, and others ask meanwhile: all are told once more.
    this.ports.host.scheduler.after(WHOLE_EVERY_MS, () => {
      this.wholeSoon.delete(place);
      this.running.get(place)?.tellWhole();
    });
  }
}

interface Wished {
  readonly what: Wish;
  readonly tenant: string;
  readonly session: string;
}

function attemptOf(key: AnswerKey): string {
  return `${placeOf(key)}/${key.question}/${key.attempt}`;
}

/** Ids of sessions are unguessable, and of one tenant. */
function placeOf({ tenant, session }: Pick<AnswerKey, 'tenant' | 'session'>): string {
  return `${tenant}/${session}`;
}
