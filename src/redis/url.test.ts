import { expect, test } from 'vitest';
import { parseRedisUrl } from './url.ts';

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
])('%s is refused, without showing it', (url) => {
  expect(() => parseRedisUrl(url.replace('//', '//:hunter2@'))).toThrow(/^expected /);
  expect(() => parseRedisUrl(url.replace('//', '//:hunter2@'))).not.toThrow(/hunter2/);
});
