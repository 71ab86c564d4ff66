/** A connection over polls, for networks that hold streams back. Nothing is kept between two of them but positions. */
import type { Position } from '../../protocol/position.ts';
import type { ServerData, ServerFrame, SubscribedDetails } from '../../protocol/wire.ts';
import { HttpSocket, nameOf } from './http-socket.ts';

interface Answer {
  readonly items: readonly ServerFrame[];
  readonly gaps: readonly ServerFrame[];
  readonly positions: Readonly<Record<string, Position>>;
  readonly recovery: SubscribedDetails['recovery'];
  readonly rejected: SubscribedDetails['rejected'];
  readonly unavailable: readonly { readonly topic: string }[];
  readonly reconnect_after_ms?: number;
}

/** As the server allows. */
const WAIT_MS = 25_000;
/** Between two polls: what comes meanwhile shares an answer. */
const PAUSE_MS = 100;
/** To a node that drains: another one takes the next poll soon. */
const DRAINING_MS = 1_000;

export class PollSocket extends HttpSocket {
  readonly transport = 'poll';
  readonly #positions = new Map<string, Position>();
  #cancel: (() => void) | null = null;
  #isOpen = false;

  start(): void {
    const hello = '[{"type":"Ping","id":"hello"}]';
    this.#cancel = this.place.ask('frames', hello, (status, text, retryAfterMs) => {
      const time = status === 200 ? serverTimeOf(text) : undefined;
      if (time === undefined) return this.refuse(status, text, retryAfterMs);
      this.#cancel = null;
      this.#isOpen = true;
      this.onopen?.();
      this.deliver({
        type: 'Status',
        data: { status: 'connected', details: { ...GREETING, ...userOf(this.place.token), server_time: time } },
      });
      this.settled();
    });
  }

  /** A poll that waits is taken back: what it would have brought the next one brings. */
  protected get isReady(): boolean {
    return this.#isOpen;
  }

  protected changed(): void {
    this.#cancel?.();
    this.#cancel = null;
    for (const name of this.#positions.keys()) if (!this.wanted.has(name)) this.#positions.delete(name);
    for (const { names } of this.asked) for (const name of names) this.#positions.delete(name);
    if (this.wanted.size > 0) this.#poll();
  }

  protected renewed(id: string, token: string): void {
    this.place.token = token;
    this.soon();
    const answer = { status: 'authenticated', details: { unsubscribed: [] } };
    this.place.environment.after(0, () => this.deliver({ type: 'Status', reply_to: id, data: answer }));
  }

  protected cancel(): void {
    this.#cancel?.();
  }

  #poll(): void {
    const topics = [...this.wanted.values()].map((entry) => {
      const topic = nameOf(entry);
      const position = this.#positions.get(topic);
      return position === undefined ? entry : { topic, ...position };
    });
    const asked = this.asked.length;
    // A client that has asked for a topic waits for its answer.
    const body = JSON.stringify({ topics, wait_ms: asked > 0 ? 0 : WAIT_MS });
    this.#cancel = this.place.ask('poll', body, (status, text, retryAfterMs) => {
      this.#cancel = null;
      const answer = status === 200 ? answerOf(text) : undefined;
      if (answer === undefined) return this.refuse(status, text, retryAfterMs);
      try {
        this.#take(answer, asked);
      } catch {
        // JSON, but no answer to a poll.
        this.end(1002);
      }
    });
  }

  /** @param count of those that have asked: what was asked for since, it says nothing of */
  #take(answer: Answer, count: number): void {
    const { positions, rejected, unavailable, recovery } = answer;
    const news = inOrder(answer);
    const none = unavailable.map(({ topic }) => ({ topic, ...NO_LOG }));
    const details = {
      topics: Object.keys(positions),
      positions: { ...positions, ...startsOf(news) },
      recovery,
      rejected: [...rejected, ...none],
    };
    for (const [name, position] of Object.entries(positions)) this.#positions.set(name, position);
    const asked = this.asked.splice(0, count);
    const names = new Set(asked.flatMap((each) => each.names));
    for (const each of asked) this.reply(each, details);
    this.dropped(details.rejected.filter(({ topic }) => !names.has(topic) && this.wanted.has(topic)));
    // Also when there are none: something has come.
    this.onmessage?.({ data: JSON.stringify(news) });
    if (this.#cancel !== null || this.onmessage === null || this.wanted.size === 0) return;
    const pause = answer.reconnect_after_ms === undefined ? PAUSE_MS : DRAINING_MS;
    this.#cancel = this.place.environment.after(pause, () => this.#poll());
  }
}

/** Losses in their places among the messages of their topics. */
function inOrder({ items, gaps }: Answer): readonly ServerFrame[] {
  const news = [...items];
  for (const gap of gaps) {
    const { topic, to = gap.data.sequence ?? 0 } = gap.data as Partial<ServerData>;
    const at = news.findIndex(
      ({ type, data }) => type !== 'Gap' && topicOf(data) === topic && Number(data.sequence) > to,
    );
    news.splice(at === -1 ? news.length : at, 0, gap);
  }
  return news;
}

/** Where the first message or loss of each topic goes on from. */
function startsOf(news: readonly ServerFrame[]): Record<string, Position> {
  const starts: Record<string, Position> = {};
  for (const { type, data } of news) {
    const before = data.cause === 'history_lost' ? 0 : 1;
    // Of a message `from` is its sender.
    const first = (type === 'Gap' && data.from) || data.sequence;
    starts[topicOf(data)] ??= { epoch: data.epoch, sequence: Number(first) - before };
  }
  return starts;
}

function topicOf(data: ServerData): string {
  return data.topic ?? '@me';
}

function serverTimeOf(text: string): number | undefined {
  try {
    return (JSON.parse(text) as readonly ServerFrame[])[0]?.data['server_time' as 'count'];
  } catch {
    return undefined;
  }
}

/** The server has checked the token; polls do not say whose it is. */
function userOf(token = ''): object {
  try {
    const { atob } = globalThis as unknown as { readonly atob: (text: string) => string };
    const text = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const { sub, user_id: id, tenant } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return { user: sub ?? id, tenant };
  } catch {
    return {};
  }
}

function answerOf(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}

const NO_LOG = {
  code: 422,
  reason: 'no_history',
  message: 'expected a topic with a log: what others say between two polls is gone',
  temporary: false,
};

/** What polls do not tell. */
const GREETING = {
  connection_id: 'poll',
  session_id: 'poll',
  node: '',
  mode: 'running',
  heartbeat_interval_ms: WAIT_MS,
  max_message_size: 65_536,
  limits: {},
  features: ['history', 'idempotency', 'direct_messages'],
};
