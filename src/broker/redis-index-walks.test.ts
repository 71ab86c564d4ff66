/** Many patterns over one large index cost as many pages of it as one. */
import { expect, test } from 'vitest';
import { RedisFailure } from '../redis/failure.ts';
import { RedisIndexWalks } from './redis-index-walks.ts';
import type { Head } from './topic-logs.ts';

const HEAD: Head = { epoch: 'e', first: 1, lineage: [], withdrawn: 0, top: 7 };

/** Redis with one index of so many names, that answers when it is told to. */
class Pages {
  ranges = 0;
  asked = 0;
  isFailing = false;
  private readonly answers: (() => void)[] = [];
  readonly walks: RedisIndexWalks;

  constructor(count: number) {
    const names = Array.from({ length: count }, (_, at) => `chat.${String(at).padStart(6, '0')}.a`);
    const read = ([command]: readonly (readonly unknown[])[], reply: (results: readonly unknown[]) => void): void => {
      this.ranges += 1;
      const from = String(command?.[2]);
      const start = names.findIndex((name) => (from.startsWith('(') ? name > from.slice(1) : name >= from.slice(1)));
      const page = start === -1 ? [] : names.slice(start, start + 1_000);
      const answer = this.isFailing ? [new RedisFailure('unavailable', true, 'away', 'away')] : [page];
      this.answers.push(() => reply(answer));
    };
    this.walks = new RedisIndexWalks({
      link: { read } as never,
      indexKeys: () => ['index'],
      states: (topics, done) => {
        this.asked += topics.length;
        done(new Map(topics.map((topic) => [topic, HEAD])));
      },
    });
  }

  find(pattern: string, limit = 100): { readonly topics: string[]; isDone: boolean; looked: number } {
    const outcome = { topics: [] as string[], isDone: false, looked: 0 };
    this.walks.find(pattern, limit, (answer) => {
      outcome.isDone = true;
      if (!('heads' in answer)) return;
      outcome.topics.push(...answer.heads.keys());
      outcome.looked = answer.looked;
    });
    return outcome;
  }

  settle(): void {
    for (let next = this.answers.shift(); next !== undefined; next = this.answers.shift()) next();
  }
}

test('a hundred patterns that are asked for at once take two walks', () => {
  const redis = new Pages(20_000);
  const outcomes = Array.from({ length: 100 }, (_, at) => redis.find(`chat.*.z${at}`));
  redis.settle();
  expect(outcomes.every(({ isDone, topics }) => isDone && topics.length === 0)).toBe(true);
  // Twenty full pages and an empty one, twice; a walk for each pattern would be 2,100.
  expect(redis.ranges).toBe(42);
});

test('each gets what it matches, as many as it wants, and a topic is asked for once', () => {
  const redis = new Pages(3_000);
  const first = redis.find('chat.**', 3);
  const [some, one, all, again] = [
    redis.find('chat.*.a', 5),
    redis.find('chat.002999.*'),
    redis.find('chat.**', 2_500),
    redis.find('chat.*.a', 5),
  ];
  redis.settle();
  expect(first.topics).toEqual(['chat.000000.a', 'chat.000001.a', 'chat.000002.a']);
  expect(some.topics).toHaveLength(5);
  expect(again.topics).toEqual(some.topics);
  expect(one.topics).toEqual(['chat.002999.a']);
  expect(all.topics).toHaveLength(2_500);
  expect(redis.asked).toBeLessThanOrEqual(3 + 3_000);
});

test('each pattern is told what it cost: the names of a walk, shared by those that it was for', () => {
  const redis = new Pages(20_000);
  const [alone, ...others] = Array.from({ length: 11 }, (_, at) => redis.find(`chat.*.z${at}`));
  redis.settle();
  expect(alone?.looked).toBe(20_000 * 4);
  expect(others.map(({ looked }) => looked)).toEqual(others.map(() => 8_000));
});

test('a failure answers all of a walk, and the next one is begun', () => {
  const redis = new Pages(10);
  redis.isFailing = true;
  const outcomes = [redis.find('chat.*'), redis.find('chat.**')];
  redis.settle();
  expect(outcomes.map(({ isDone }) => isDone)).toEqual([true, true]);
});
