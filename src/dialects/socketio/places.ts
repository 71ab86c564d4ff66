/**
 * Where a client stands in its topics, as one text: the offset of Socket.IO's connection state recovery, which its
 * library remembers from the last event and hands back with the next CONNECT. It names the topics, so nothing is kept
 * of a client that has gone: any node can go on.
 */
import type { SubscribeEntry } from '../../protocol/frames.ts';
import { MAX_EPOCH_LENGTH, MAX_TOPIC_LENGTH } from '../../protocol/limits.ts';
import type { Position } from '../../protocol/position.ts';
import { looksLikePattern, matches } from '../../protocol/topic.ts';

/** No offset goes on from here. */
const NONE = '';
const PART = ',';
const BASE = 36;
/** Marks what a pattern has brought. None of these signs can be in the name of a topic. */
const MATCHED = '~';
const ENTRY = new RegExp(
  `^(~?)([^,=~]{1,${MAX_TOPIC_LENGTH}})(?:=([A-Za-z0-9_-]{1,${MAX_EPOCH_LENGTH}})/([0-9a-z]{1,11}))?$`,
);

interface Place {
  readonly isMatched: boolean;
  epoch: string;
  /** -1 while there is no position: a pattern, or a topic without a log. */
  sequence: number;
}

/** A place in a topic. */
export interface PlaceIn {
  readonly topic: string;
  readonly epoch: string;
  readonly sequence: number;
}

export class Places {
  private readonly places = new Map<string, Place>();
  private readonly most: number;
  /** The client was told that its offset is of no use any more. */
  private isStale = false;
  /** The only topic that there is, as the publications name it, or `null`. */
  private only: string | null = null;
  /** What it was sent last, since that was written down. */
  private last: PlaceIn | null = null;

  /** @param most topics and patterns that an offset names; with more there is none */
  constructor(most: number) {
    this.most = most;
  }

  /**
   * Goes on in the topic of a client that has this one alone: its offset is the same for all who have.
   * @returns whether it is such a client
   */
  movedAlone(place: PlaceIn): boolean {
    if (this.only !== place.topic) return false;
    // The publications' own text from now on: the same object is compared faster than the same characters.
    this.only = place.topic;
    this.last = place;
    return true;
  }

  subscribed(names: readonly string[], positions: Readonly<Record<string, Position>>): void {
    this.settle();
    for (const name of names) this.set(name, false, positions[name]);
    for (const [name, position] of Object.entries(positions))
      if (!this.places.has(name)) this.set(name, true, position);
    this.look();
  }

  ended(names: readonly string[]): void {
    this.settle();
    for (const name of names) {
      this.places.delete(name);
      if (!looksLikePattern(name)) continue;
      for (const [topic, { isMatched }] of this.places)
        if (isMatched && matches(name, topic)) this.places.delete(topic);
    }
    this.look();
  }

  moved(to: PlaceIn): void {
    if (this.movedAlone(to)) return;
    const { topic, epoch, sequence } = to;
    const place = this.places.get(topic);
    if (place === undefined) this.set(topic, true, { epoch, sequence });
    else {
      place.epoch = epoch;
      place.sequence = sequence;
    }
  }

  /** The offset, or `null` when the client knows already that there is none. */
  offset(): string | null {
    if (this.places.size > this.most) {
      if (this.isStale) return null;
      this.isStale = true;
      return NONE;
    }
    this.isStale = false;
    this.settle();
    this.look();
    let text = '';
    for (const [name, { isMatched, epoch, sequence }] of this.places) {
      if (text !== '') text += PART;
      text += isMatched ? MATCHED + name : name;
      if (sequence !== -1) text += placeText(epoch, sequence);
    }
    return text;
  }

  /** Writes down where the only topic stands. */
  private settle(): void {
    const { last } = this;
    this.only = null;
    this.last = null;
    const place = last === null ? undefined : this.places.get(last.topic);
    if (place === undefined || last === null) return;
    place.epoch = last.epoch;
    place.sequence = last.sequence;
  }

  private look(): void {
    const [entry] = this.places;
    if (entry === undefined || this.places.size > 1 || this.isStale) return;
    const [name, { isMatched, sequence }] = entry;
    if (!isMatched && sequence !== -1) this.only = name;
  }

  private set(name: string, isMatched: boolean, position: Position | undefined): void {
    // One more than an offset may name is enough to know that there is none.
    if (this.places.size > this.most && !this.places.has(name) && isMatched) return;
    const { epoch, sequence } = position ?? { epoch: '', sequence: -1 };
    this.places.set(name, { isMatched, epoch, sequence });
  }
}

/** The offset of a client with one topic. */
export function singleOffset(topic: string, epoch: string, sequence: number): string {
  return topic + placeText(epoch, sequence);
}

/** What to subscribe to, so that an offset goes on; `null` for a text that is none. */
export function readOffset(text: string, most: number): readonly SubscribeEntry[] | null {
  if (text === NONE || text.length > most * (MAX_TOPIC_LENGTH + MAX_EPOCH_LENGTH)) return null;
  const parts = text.split(PART, most + 1);
  if (parts.length > most) return null;
  const entries = new Map<string, SubscribeEntry>();
  const brought = new Map<string, Position>();
  for (const part of parts) {
    const [, mark, name, epoch, digits] = ENTRY.exec(part) ?? [];
    if (name === undefined) return null;
    const position = epoch === undefined ? undefined : { epoch, sequence: Number.parseInt(digits ?? '', BASE) };
    if (position !== undefined && !Number.isSafeInteger(position.sequence)) return null;
    if (mark === MATCHED && position !== undefined) brought.set(name, position);
    else entries.set(name, position === undefined ? { topic: name } : { topic: name, position });
  }
  return [...entries.values()].map((entry) => {
    if (!looksLikePattern(entry.topic)) return entry;
    const positions = new Map([...brought].filter(([name]) => matches(entry.topic, name)));
    for (const name of positions.keys()) brought.delete(name);
    return { ...entry, positions };
  });
}

function placeText(epoch: string, sequence: number): string {
  return `=${epoch}/${sequence.toString(BASE)}`;
}
