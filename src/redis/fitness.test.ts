import { expect, test } from 'vitest';
import { fitnessOf } from './fitness.ts';

const info = (version: string, policy: string, role = 'master'): string =>
  `# Server\r\nredis_version:${version}\r\n# Memory\r\nmaxmemory_policy:${policy}\r\n# Replication\r\nrole:${role}\r\n`;

test('Redis 7.0 or later that throws nothing away is fit', () => {
  for (const version of ['7.0.0', '7.2.4', '8.0.2', '10.0.0'])
    expect(fitnessOf(info(version, 'noeviction'))).toMatchObject({
      problem: null,
      isReplica: false,
      isFull: false,
      version,
    });
});

test.each([
  ['6.2.14', 'noeviction', /7\.0 or later, got 6\.2\.14/],
  ['', 'noeviction', /got no version/],
  ['7.0.15', 'allkeys-lru', /noeviction, got allkeys-lru/],
  ['7.0.15', 'volatile-ttl', /noeviction, got volatile-ttl/],
])('version %j with policy %s is not', (version, policy, problem) => {
  expect(fitnessOf(info(version, policy)).problem).toMatch(problem);
});

test('a replica is known as one', () => {
  expect(fitnessOf(info('7.0.15', 'noeviction', 'slave')).isReplica).toBe(true);
});

test.each([
  [1_001, 1_000, 0, true],
  [1_000, 1_000, 0, false],
  [1_100, 1_000, 100, false],
  [1_101, 1_000, 100, true],
  [1_000_000, 0, 0, false],
])('%i bytes of %i, %i of them not counted: full is %s', (used, limit, apart, full) => {
  const memory = `used_memory:${used}\r\nmaxmemory:${limit}\r\nmem_not_counted_for_evict:${apart}\r\n`;
  expect(fitnessOf(`${info('7.0.15', 'noeviction')}${memory}`).isFull).toBe(full);
});
