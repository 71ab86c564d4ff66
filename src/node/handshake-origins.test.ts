import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOriginAllowed } from './handshake.ts';

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
