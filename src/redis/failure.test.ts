import { expect, test } from 'vitest';
import { failureOf } from './failure.ts';

test.each([
  "OOM command not allowed when used memory > 'maxmemory'.",
  "READONLY You can't write against a read only replica.",
  'NOREPLICAS Not enough good replicas to write.',
  'NOSCRIPT No matching script.',
  'LOADING Redis is loading the dataset in memory',
  'Too many Cluster redirections. Last error: ReplyError: MOVED 3999 127.0.0.1:6381',
  "Stream isn't writeable and enableOfflineQueue options is false",
])('%s: nothing was done', (message) => {
  expect(failureOf(new Error(message)).outcome).toBe('unavailable');
});

test.each([
  'Command timed out',
  'Connection is closed.',
  'Reached the max retries per request limit (which is 0).',
  'ERR Error running script',
  'something new',
])('%s: nobody knows what was done', (message) => {
  expect(failureOf(new Error(message)).outcome).toBe('unknown');
});

test('only what says that Redis is out counts for the breaker', () => {
  const isOutage = (message: string): boolean => failureOf(new Error(message)).isOutage;
  expect(['Command timed out', 'Connection is closed.', 'LOADING x', 'CLUSTERDOWN x'].map(isOutage)).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(['OOM x', 'READONLY x', 'NOSCRIPT x', 'ERR x', 'WRONGTYPE x'].some(isOutage)).toBe(false);
});
