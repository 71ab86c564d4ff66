/** Whatever tells of messages first, all orders end with the same. */
import { array, assert, constantFrom, nat, property, record, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { Positions } from './positions.ts';
import { Messages, type ChatMessage } from './snapshot.ts';
import { Timeline, type Told } from './timeline.ts';
import type { Event, MessagesPage, MessageView, Reaction } from './wire.ts';

const ME = 'me';
const USERS = [ME, 'bob', 'cai'];

/** What the server has: its events, and what a page says of them when so many have happened. */
class Truth {
  readonly told: Told[] = [];
  private n = 0;

  add(event: Event, from: string, key?: string): void {
    this.told.push({ event, sequence: this.told.length + 1, from, time: 1_000 + this.told.length, key });
  }

  message(from: string, key?: string): void {
    this.n += 1;
    this.add({ event: 'message', n: this.n, type: 'text', content: `message ${this.n}` }, from, key);
  }

  get messages(): readonly number[] {
    return this.told.filter(({ event }) => event.event === 'message').map(({ sequence }) => sequence);
  }

  page(at: number, before = Infinity, limit = Infinity): MessagesPage {
    const views: MessageView[] = [];
    for (const { event, sequence, from, time, key } of this.told.slice(0, at)) {
      if (event.event !== 'message' || sequence >= before) continue;
      const { event: _, ...said } = event;
      const mine = from === ME && key !== undefined ? { clientId: key } : {};
      views.push(this.asOf(at, { ...said, ...mine, sequence, from, timestamp: time }));
    }
    return { messages: views.slice(-limit), hasMore: views.length > limit, sequence: at };
  }

  private asOf(at: number, view: MessageView): MessageView {
    const given = new Map<string, Set<string>>();
    let now = view;
    for (const { event, from } of this.told.slice(0, at)) {
      if (!('of' in event) || event.of !== view.sequence) continue;
      if (event.event === 'edited') now = { ...now, content: event.content ?? '', edited: true };
      else if (event.event === 'deleted') {
        const { sequence, n, type = 'text', from: sender, timestamp } = view;
        return { sequence, n, type, from: sender, timestamp, deleted: true };
      } else if (event.event === 'reaction') {
        const users = given.get(event.emoji) ?? new Set();
        given.set(event.emoji, users);
        if (event.added) users.add(from);
        else users.delete(from);
      }
    }
    const reactions: Reaction[] = [...given]
      .filter(([, users]) => users.size > 0)
      .map(([emoji, users]) => ({ emoji, count: users.size, mine: users.has(ME) }))
      .sort((one, other) => (one.emoji < other.emoji ? -1 : 1));
    return { ...now, ...(reactions.length > 0 && { reactions }) };
  }
}

const STEP = record({
  what: constantFrom('message', 'message', 'message', 'edited', 'deleted', 'reaction', 'reaction'),
  which: nat(1_000),
  user: constantFrom(...USERS),
  emoji: constantFrom('👍', '🎉'),
});

function truthOf(steps: readonly { what: string; which: number; user: string; emoji: string }[]): Truth {
  const truth = new Truth();
  const reacted = new Set<string>();
  const gone = new Set<number>();
  for (const [at, { what, which, user, emoji }] of steps.entries()) {
    const { messages } = truth;
    const of = messages[which % Math.max(1, messages.length)];
    if (what === 'message' || of === undefined) truth.message(user, user === ME ? `key ${at}` : undefined);
    else if (gone.has(of)) continue;
    else if (what === 'edited') truth.add({ event: 'edited', of, content: `edit ${at}` }, user);
    else if (what === 'deleted') {
      gone.add(of);
      truth.add({ event: 'deleted', of }, user);
    } else {
      const place = `${of} ${user} ${emoji}`;
      const added = !reacted.delete(place);
      if (added) reacted.add(place);
      truth.add({ event: 'reaction', of, emoji, added }, user);
    }
  }
  return truth;
}

/** A reader: its place in the topic, the pages that are on their way to it, and the answers that it still waits for. */
class Reader {
  readonly timeline = new Timeline();
  readonly positions = new Positions();
  readonly shownKeys: string[][] = [];
  private readonly messages = new Messages();
  private readonly truth: Truth;
  private at = 0;
  private readonly pages: MessagesPage[] = [];
  private readonly answers: Told[] = [];

  constructor(truth: Truth, begin: number) {
    this.truth = truth;
    this.timeline.me = ME;
    this.at = begin;
    this.reload(begin);
  }

  /** The next event; before an own one it was sent, and its answer comes at any time. */
  event(isTwice: boolean): void {
    const told = this.truth.told[this.at];
    if (told === undefined) return;
    this.at += 1;
    if (told.from === ME && told.key !== undefined) {
      this.timeline.send(told.key, { type: 'text', content: 'as it was sent' }, 0);
      this.answers.push(told);
      if (isTwice) this.answer();
    }
    this.timeline.take(told);
    if (isTwice) this.timeline.take(told);
    this.positions.counted(0, 0);
  }

  /** Sent, stored, and answered before the topic has brought it. */
  early(): void {
    const told = this.truth.told[this.at];
    if (told?.from !== ME || told.key === undefined || told.event.event !== 'message') return;
    this.timeline.send(told.key, { type: 'text', content: 'as it was sent' }, 0);
    this.timeline.confirmed(told.key, told.sequence);
  }

  answer(): void {
    const told = this.answers.shift();
    if (told?.key !== undefined) this.timeline.confirmed(told.key, told.sequence);
  }

  /** An older page is asked for; the server reads it when it is further than the topic has brought this reader. */
  ask(ahead: number): void {
    this.timeline.begin();
    const at = Math.min(this.truth.told.length, this.at + ahead);
    this.pages.push(this.truth.page(at, this.timeline.oldest ?? Infinity, 2));
  }

  arrive(): void {
    const page = this.pages.shift();
    if (page === undefined) return;
    this.timeline.page(page);
    this.timeline.end();
  }

  /** A gap up to a place, and everything again as of a later one. */
  reload(ahead: number): void {
    this.at = Math.min(this.truth.told.length, this.at + (ahead % 5));
    const read = Math.min(this.truth.told.length, this.at + (ahead % 3));
    // The library has thrown away what was asked before.
    while (this.pages.length > 0) this.arrive();
    this.timeline.begin();
    const page = this.truth.page(read, Infinity, this.timeline.oldest === undefined ? 2 : Infinity);
    this.timeline.page(page);
    this.timeline.keepFrom(page.messages[0]?.sequence ?? 0);
    this.timeline.end();
  }

  finish(): readonly ChatMessage[] {
    while (this.at < this.truth.told.length) this.event(false);
    while (this.pages.length > 0) this.arrive();
    while (this.answers.length > 0) this.answer();
    for (let left = true; left;) {
      const before = this.timeline.oldest;
      this.ask(0);
      this.arrive();
      left = this.timeline.oldest !== before;
    }
    return this.show();
  }

  show(): readonly ChatMessage[] {
    const shown = this.messages.of(this.timeline, this.positions);
    this.shownKeys.push(shown.map(({ key }) => key));
    return shown;
  }
}

const bare = (message: ChatMessage): unknown => ({ ...message, key: undefined });

test('D-41: whatever the order of events, answers, pages, gaps and repetitions, the store ends with what the server has', () => {
  const act = tuple(constantFrom('event', 'event', 'twice', 'early', 'answer', 'ask', 'arrive', 'reload'), nat(6));
  assert(
    property(array(STEP, { maxLength: 40 }), nat(10), array(act, { maxLength: 60 }), (steps, begin, acts) => {
      const truth = truthOf(steps);
      const reader = new Reader(truth, Math.min(begin, truth.told.length));
      for (const [what, ahead] of acts) {
        if (what === 'event' || what === 'twice') reader.event(what === 'twice');
        else if (what === 'ask' || what === 'reload') reader[what](ahead);
        else if (what === 'early') reader.early();
        else if (what === 'answer') reader.answer();
        else reader.arrive();
        const shown = reader.show();
        // No message is there twice, and no row has the key of another one.
        const places = shown.flatMap(({ sequence }) => sequence ?? []);
        expect(places).toEqual([...new Set(places)].sort((one, other) => one - other));
        expect(new Set(shown.map(({ key }) => key)).size).toBe(shown.length);
      }
      const ideal = new Timeline();
      ideal.me = ME;
      ideal.page(truth.page(truth.told.length));
      const expected = new Messages().of(ideal, new Positions());
      expect(reader.finish().map(bare)).toEqual(expected.map(bare));
      const unread = reader.positions.unread(reader.timeline);
      const last = expected.findLastIndex(({ mine }) => mine);
      expect(unread).toBe(expected.length - 1 - last);
    }),
    { numRuns: 200 },
  );
});
