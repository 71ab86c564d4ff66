import { expect, test } from 'vitest';
import type { ConfigError } from './config-error.ts';
import { loadConfig } from './load.ts';
import { parseRedisUrl } from './redis-url.ts';

test.each([
  ['redis://localhost', { kind: 'standalone', host: 'localhost', port: 6379, db: 0, tls: false }],
  ['rediss://db.example:7000/3', { kind: 'standalone', host: 'db.example', port: 7000, db: 3, tls: true }],
  ['redis://[::1]:7000', { kind: 'standalone', host: '::1', port: 7000 }],
  ['redis://:p%40ss:word@db', { username: undefined, password: 'p@ss:word', host: 'db' }],
  ['redis://user:secret@db', { username: 'user', password: 'secret' }],
  [
    'redis+sentinel://:pw@a,b:26380/mymaster/2?sentinel_password=other',
    {
      kind: 'sentinel',
      password: 'pw',
      master: 'mymaster',
      db: 2,
      sentinelPassword: 'other',
      sentinels: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26380 },
      ],
    },
  ],
  [
    'rediss+cluster://a:1,b',
    {
      kind: 'cluster',
      tls: true,
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 6379 },
      ],
    },
  ],
])('%s', (url, address) => {
  expect(parseRedisUrl(url)).toMatchObject(address);
});

test.each([
  '',
  'localhost:6379',
  'http://localhost',
  'redis://',
  'redis://a,b',
  'redis://host:0',
  'redis://host:70000',
  'redis://host/db',
  'redis+sentinel://a:26379',
  'redis+cluster://a/1',
  'redis+other://a',
  // Parts that nobody would read.
  'redis://host?db=3',
  'redis://host/1?db=3',
  'redis://host/1/2',
  'redis://host/-1',
  'redis://host/0#3',
  'redis://a@b',
  'redis+cluster://a?db=0',
  'redis+sentinel://a/main/0/1',
  'redis+sentinel://a/main?db=3',
  'redis+sentinel://a/main?sentinel_password=x&sentinel_password=y',
])('%s is refused, without showing it', (url) => {
  expect(() => parseRedisUrl(url.replace('//', '//:hunter2@'))).toThrow(/^expected /);
  expect(() => parseRedisUrl(url.replace('//', '//:hunter2@'))).not.toThrow(/hunter2/);
  // By everybody who reads a configuration, not only by who connects.
  if (url !== '') expect(problemsOf(url.replace('//', '//:hunter2@'))).toMatch(/^redis\.url: [^]*\(another URL\)$/);
});

test('a percent sign that means nothing is told, without showing the password', () => {
  expect(() => parseRedisUrl('redis://:100%hunter2@host')).toThrow(/^expected .*%25/);
  expect(() => parseRedisUrl('redis://:100%hunter2@host')).not.toThrow(/hunter2/);
});

function problemsOf(url: string): string {
  try {
    loadConfig({
      files: [],
      environment: { JWT_SECRET: 'a secret of at least thirty-two bytes', REDIS_URL: url },
      flags: new Map(),
    });
    return '';
  } catch (error) {
    return (error as ConfigError).problems.map(({ key, expected, got }) => `${key}: ${expected} ${got}`).join('\n');
  }
}
