/**
 * Finds the topics that patterns match in the indexes of their first segment. Redis gives an index page by page, however
 * little of it matches: so patterns that are asked for while a walk is under way share the next one.
 */
import { PatternIndex } from '../protocol/pattern-index.ts';
import { firstSegment, tenantOf, wireName, type Topic } from '../protocol/topic.ts';
import { isFailure, type Command } from '../redis/command-client.ts';
import type { RedisFailure } from '../redis/failure.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Head, Matching } from './topic-logs.ts';

const INDEX_PAGE = 1_000;
/** A name that Redis sends costs the node more than one in its memory: so many times as much is charged. */
const NAME_WEIGHT = 4;

type Found = Map<Topic, Head>;
type Done = (answer: Matching | RedisFailure) => void;

interface Wanted {
  readonly pattern: string;
  readonly limit: number;
  readonly found: Found;
  readonly done: Done;
}

interface WalkParts {
  readonly link: RedisLink;
  /** The index keys of a first segment, one per period. */
  readonly indexKeys: (pattern: string) => string[];
  /** Where topics stand. */
  readonly states: (topics: readonly Topic[], done: (states: Found | RedisFailure) => void) => void;
}

export class RedisIndexWalks {
  /** By first segment: what waits for the walk that is under way. */
  private readonly walking = new Map<string, Wanted[]>();
  private readonly parts: WalkParts;

  constructor(parts: WalkParts) {
    this.parts = parts;
  }

  /** Finds up to `limit` topics. */
  find(pattern: string, limit: number, done: Done): void {
    const segment = firstSegment(pattern);
    const wanted = { pattern, limit, found: new Map<Topic, Head>(), done };
    const waiting = this.walking.get(segment);
    if (waiting !== undefined) waiting.push(wanted);
    else this.begin(segment, [wanted]);
  }

  private begin(segment: string, all: readonly Wanted[]): void {
    this.walking.set(segment, []);
    const walk = new Walk(this.parts, all, (failure) => {
      const next = this.walking.get(segment) ?? [];
      this.walking.delete(segment);
      if (next.length > 0) this.begin(segment, next);
      const looked = Math.ceil((walk.looked * NAME_WEIGHT) / all.length);
      for (const { done, found } of all) done(failure ?? { heads: found, looked });
    });
    walk.begin();
  }
}

/** One way through the indexes, for all patterns that are wanted. */
class Walk {
  /** Names. */
  looked = 0;
  private readonly patterns = new PatternIndex<Wanted[]>();
  /** What every name begins with that one of them could match. */
  private readonly literal: string;
  private readonly tenant: string;
  private readonly indexes: string[];
  private readonly seen = new Set<Topic>();
  private readonly parts: WalkParts;
  private readonly all: readonly Wanted[];
  private readonly end: (failure: RedisFailure | null) => void;

  constructor(parts: WalkParts, all: readonly Wanted[], end: (failure: RedisFailure | null) => void) {
    this.parts = parts;
    this.all = all;
    this.end = end;
    const first = all[0]?.pattern ?? '';
    this.tenant = tenantOf(first);
    this.indexes = parts.indexKeys(first);
    this.literal = commonStart(all.map(({ pattern }) => wireName(pattern.slice(0, pattern.indexOf('*')))));
    for (const wanted of all) {
      const same = this.patterns.get(wanted.pattern);
      if (same === undefined) this.patterns.set(wanted.pattern, [wanted]);
      else same.push(wanted);
    }
  }

  begin(): void {
    this.page(this.indexes.shift() ?? '', `[${this.literal}`);
  }

  private page(index: string, from: string): void {
    const range: Command = ['ZRANGE', index, from, `[${this.literal}\xff`, 'BYLEX', 'LIMIT', 0, INDEX_PAGE];
    this.parts.link.read([range], ([result]) => {
      if (isFailure(result)) return this.end(result);
      const names = result as string[];
      this.looked += names.length;
      const matched = this.matched(names);
      this.parts.states([...matched.keys()], (states) => {
        if (isFailure(states)) return this.end(states);
        for (const [topic, head] of states)
          for (const { found, limit } of matched.get(topic) ?? []) if (found.size < limit) found.set(topic, head);
        const next = names.length < INDEX_PAGE ? this.indexes.shift() : index;
        if (next === undefined || this.all.every(({ found, limit }) => found.size >= limit)) this.end(null);
        else this.page(next, next === index ? `(${names.at(-1)}` : `[${this.literal}`);
      });
    });
  }

  /** The topics of a page that somebody wants, and who: not more of them than each still has room for. */
  private matched(names: readonly string[]): Map<Topic, Wanted[]> {
    const matched = new Map<Topic, Wanted[]>();
    const room = new Map(this.all.map((wanted) => [wanted, wanted.limit - wanted.found.size]));
    for (const name of names) {
      const topic = this.tenant === '' ? name : `${this.tenant}/${name}`;
      if (this.seen.has(topic)) continue;
      const takers: Wanted[] = [];
      this.patterns.visit(topic, (all) => {
        for (const wanted of all) {
          const left = room.get(wanted) ?? 0;
          if (left > 0) takers.push(wanted);
          room.set(wanted, left - 1);
        }
      });
      if (takers.length === 0) continue;
      this.seen.add(topic);
      matched.set(topic, takers);
    }
    return matched;
  }
}

function commonStart(texts: readonly string[]): string {
  let [start = ''] = texts;
  for (const text of texts) while (!text.startsWith(start)) start = start.slice(0, -1);
  return start;
}
