import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { silentLog, type LogFields } from '../telemetry/log.ts';
import { isOriginAllowed, Origins } from './origins.ts';

const page = 'https://app.example.com';

test('a program, which has none, may connect', () => {
  expect(isOriginAllowed('', [])).toBe(true);
});

test('a page may connect only if it is listed', () => {
  expect(isOriginAllowed(page, [])).toBe(false);
  expect(isOriginAllowed(page, ['https://other.example.com', page])).toBe(true);
});

test.each([
  'http://app.example.com',
  'https://app.example.com:8443',
  'https://app.example.com.evil.com',
  'https://evil-app.example.com',
  'https://example.com',
  'https://app.example.com/',
  'https://app.example.co',
  'https://app.example.comm',
  'app.example.com',
  'null',
  'https://',
  '*',
])('an exact entry does not let %s in', (origin) => {
  expect(isOriginAllowed(origin, [page])).toBe(false);
});

test('the opaque origin is let in only where it is listed', () => {
  expect(isOriginAllowed('null', ['*.example.com', 'https://*.example.com', page])).toBe(false);
  expect(isOriginAllowed('null', ['null'])).toBe(true);
});

test('a star alone lets nobody in', () => {
  for (const origin of [page, 'null', 'https://evil.com']) expect(isOriginAllowed(origin, ['*'])).toBe(false);
});

test('a wildcard with a scheme lets hosts of any depth in, with that scheme and port', () => {
  const entry = ['https://*.example.com'];
  expect(isOriginAllowed(page, entry)).toBe(true);
  expect(isOriginAllowed('https://a.b.c.example.com', entry)).toBe(true);
  expect(isOriginAllowed('http://app.example.com', entry)).toBe(false);
  expect(isOriginAllowed('https://app.example.com:8443', entry)).toBe(false);
  expect(isOriginAllowed('https://app.example.com:8443', ['https://*.example.com:8443'])).toBe(true);
  expect(isOriginAllowed(page, ['https://*.example.com:8443'])).toBe(false);
});

test('a wildcard without a scheme lets http and https in and nothing else', () => {
  const entry = ['*.example.com'];
  expect(isOriginAllowed(page, entry)).toBe(true);
  expect(isOriginAllowed('http://app.example.com', entry)).toBe(true);
  for (const origin of ['ftp://app.example.com', 'file://app.example.com', 'https://app.example.com:8443']) {
    expect(isOriginAllowed(origin, entry)).toBe(false);
  }
});

test.each([
  'https://example.com',
  'https://.example.com',
  'https://evilexample.com',
  'https://good.example.evil.com',
  'https://app.example.com.evil.com',
  'https://evil.com/.example.com',
  'https://evil.com#.example.com',
  'https://evil.com?.example.com',
  'https://evil.com\\.example.com',
  'https://evil.com:80.example.com',
  'https://user@app.example.com',
  'https://evil.com https://app.example.com',
  'https://https://app.example.com',
  'https://appXexample.com',
])('no wildcard entry lets %s in', (origin) => {
  for (const entry of ['*.example.com', 'https://*.example.com', '*.good.example', 'https://*.good.example']) {
    expect(isOriginAllowed(origin, [entry])).toBe(false);
  }
});

test('a wildcard lets in exactly what a URL parser takes for a host below it', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,5}$/);
  const hosts = fc
    .tuple(fc.array(label, { maxLength: 3 }), fc.constantFrom('example.com', 'example.com.evil.com', 'xexample.com'))
    .map(([labels, end]) => [...labels, end].join('.'));
  const schemes = fc.constantFrom('https://', 'http://', 'wss://');
  const ports = fc.constantFrom('', ':81');
  fc.assert(
    fc.property(schemes, hosts, ports, (scheme, host, port) => {
      const url = new URL(`${scheme}${host}${port}`);
      const below = url.hostname.endsWith('.example.com') && url.port === '';
      expect(isOriginAllowed(`${scheme}${host}${port}`, ['https://*.example.com'])).toBe(
        below && url.protocol === 'https:',
      );
      expect(isOriginAllowed(`${scheme}${host}${port}`, ['*.example.com'])).toBe(below && url.protocol !== 'wss:');
    }),
    { numRuns: 300 },
  );
});

describe('loopback', () => {
  test.each([
    'http://localhost',
    'http://localhost:5500',
    'https://localhost:65535',
    'http://127.0.0.1:8081',
    'http://[::1]:3000',
  ])('lets %s in', (origin) => {
    expect(isOriginAllowed(origin, ['loopback'])).toBe(true);
  });

  test.each([
    'null',
    'file://',
    'loopback',
    'http://localhost.evil.example',
    'http://evil.localhost',
    'http://localhost:',
    'http://localhost:80@evil.example',
    'http://localhost:3000/',
    'http://127.0.0.1.evil.example',
    'http://127.0.0.2',
    'http://0.0.0.0:3000',
    'http://[::1].evil.example',
    'http://LOCALHOST:3000',
    'ws://localhost:3000',
    'chrome-extension://localhost',
    'http://localhost:3000 http://evil.example',
  ])('does not let %s in', (origin) => {
    expect(isOriginAllowed(origin, ['loopback'])).toBe(false);
  });

  test('and files are what the development profile allows, and nothing else', () => {
    const file = fileURLToPath(new URL('../../config/development.toml', import.meta.url));
    const { config } = loadConfig({ files: [file], environment: {}, flags: new Map() });
    const { allowed_origins: allowed } = config.security;
    for (const origin of ['http://localhost:5500', 'http://127.0.0.1:1', 'http://[::1]:9', 'null', 'file://'])
      expect([origin, isOriginAllowed(origin, allowed)]).toEqual([origin, true]);
    expect(isOriginAllowed('http://192.168.1.5:8081', allowed)).toBe(false);
  });
});

describe('a refused origin', () => {
  function origins(allowed: readonly string[]): { readonly origins: Origins; readonly lines: LogFields[] } {
    const lines: LogFields[] = [];
    const log = { ...silentLog, warn: (_message: string, fields: LogFields = {}) => void lines.push(fields) };
    const clock = { now: () => 0, elapsed: () => 0 };
    return { origins: new Origins({ allowed, isTold: false }, clock, log), lines };
  }

  test('is logged once, with what came, what is allowed and the line to add', () => {
    const { origins: known, lines } = origins([page]);
    for (const origin of ['http://localhost:5500', 'http://localhost:5500', page, '', 'null']) known.problem(origin);
    expect(lines).toEqual([
      {
        origin: 'http://localhost:5500',
        allowed: [page],
        to_allow_it: `[security] allowed_origins = ["${page}","http://localhost:5500"]`,
      },
      { origin: 'null', allowed: [page], to_allow_it: `[security] allowed_origins = ["${page}","null"]` },
    ]);
  });

  test('that no browser sends comes without a line to add, and shortened', () => {
    const { origins: known, lines } = origins([]);
    known.problem(`https://evil.example"] #${'x'.repeat(10_000)}`);
    expect(Object.keys(lines[0] ?? {})).toEqual(['origin', 'allowed']);
    expect(JSON.stringify(lines).length).toBeLessThan(400);
  });

  test('that is invented anew each time does not fill the log', () => {
    const { origins: known, lines } = origins([]);
    for (let at = 0; at < 10_000; at += 1) known.problem(`https://${at}.example`);
    expect(lines.length).toBeLessThanOrEqual(50);
  });
});
