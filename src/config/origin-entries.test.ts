import { describe, expect, test } from 'vitest';
import { isOriginAllowed } from '../node/origins.ts';
import type { ConfigError } from './config-error.ts';
import { loadConfig } from './load.ts';
import { originEntryProblem } from './origin-entries.ts';

describe('an entry that can match is good', () => {
  test.each([
    ['https://app.example.com', 'https://app.example.com'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['http://[2001:db8::1:0:0:1]', 'http://[2001:db8::1:0:0:1]'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['https://my_app.example.com.', 'https://my_app.example.com.'],
    ['app://0x7f', 'app://0x7f'],
    ['*.example.com', 'https://a.example.com'],
    ['https://*.example.com', 'https://a.b.example.com'],
    ['https://*.example.com:8443', 'https://a.example.com:8443'],
    ['https://app.example.com:80', 'https://app.example.com:80'],
    ['app://desktop', 'app://desktop'],
    ['null', 'null'],
    ['file://', 'file://'],
    ['loopback', 'http://localhost:5173'],
  ])('%s lets %s in', (entry, origin) => {
    expect(originEntryProblem(entry)).toBeNull();
    expect(isOriginAllowed(origin, [entry])).toBe(true);
  });
});

describe('an entry that can never match is refused with the right one', () => {
  test.each([
    ['*', /every page/],
    ['https://app.example.com/', /"https:\/\/app\.example\.com"/],
    ['https://app.example.com/chat', /"https:\/\/app\.example\.com"/],
    ['"https://app.example.com"', /"https:\/\/app\.example\.com"/],
    ["'https://app.example.com'", /"https:\/\/app\.example\.com"/],
    ['https://app.example.com:443', /default port.*"https:\/\/app\.example\.com"/],
    ['http://app.example.com:80', /default port/],
    ['https://*.example.com:443', /default port.*"https:\/\/\*\.example\.com"/],
    ['wss://app.example.com', /of the page.*https:\/\/ instead of wss/],
    ['ws://*.example.com', /http:\/\/ instead of ws/],
    ['https://app.example.com:08443', /a port/],
    ['https://app.example.com:65536', /a port/],
    ['app.example.com', /a scheme, such as "https:\/\/app\.example\.com"/],
    ['HTTPS://App.Example.com', /"https:\/\/app\.example\.com"/],
    ['https://a.*.example.com', /scheme, host and port/],
    ['http://[::0001]:3000', /as browsers send it: "http:\/\/\[::1\]:3000"/],
    ['http://[0:0:0:0:0:0:0:1]', /"http:\/\/\[::1\]"/],
    ['https://[2001:db8:0:0:1:0:0:1]', /"https:\/\/\[2001:db8::1:0:0:1\]"/],
    ['http://[::ffff:127.0.0.1]', /"http:\/\/\[::ffff:7f00:1\]"/],
    ['http://[1::2::3]', /a host that a URL can have/],
    ['app://[::0001]', /"app:\/\/\[::1\]"/],
    ['http://127.1:8080', /"http:\/\/127\.0\.0\.1:8080"/],
    ['http://0x7f.0.0.1', /"http:\/\/127\.0\.0\.1"/],
    ['http://010.0.0.1', /"http:\/\/8\.0\.0\.1"/],
    ['http://2130706433', /"http:\/\/127\.0\.0\.1"/],
    ['http://10.0.0.256', /a host that a URL can have/],
    ['https://*.10.0.0.1', /a domain after/],
    ['*.[::1]', /a domain after/],
    ['https://a..example.com:', /scheme, host and port/],
    ['https://', /scheme, host and port/],
    ['', /scheme, host and port/],
    [`https://${'a'.repeat(400)}`, /scheme, host and port/],
  ])('%s', (entry, says) => expect(originEntryProblem(entry)).toMatch(says));
});

test('check-config names the key, what was expected and what came; empty issuers and audiences too', () => {
  const flags = new Map([
    ['security.allowed_origins', 'https://a.example/, *'],
    ['auth.issuer', ''],
    ['auth.audience', ''],
    ['auth.jwt_secret', 'a secret of at least thirty-two bytes'],
  ]);
  try {
    loadConfig({ files: [], environment: {}, flags });
    expect.unreachable();
  } catch (error) {
    const { problems } = error as ConfigError;
    expect(problems.map(({ key }) => key).sort()).toEqual([
      'auth.audience',
      'auth.issuer',
      'security.allowed_origins',
      'security.allowed_origins',
    ]);
  }
});
