/** `doctor --page`: pages that may not connect, and what is nearly right. */
import { describe, expect, test } from 'vitest';
import { originsConfigured } from '../src/doctor/checks/origins/configured.ts';
import { faults, findings } from './harness/doctor.ts';
import { named } from './harness/symptoms.ts';

describe('a page', () => {
  test.each([
    ['https://example.com', 'http://example.com', 'http://example.com is allowed, and its scheme is http'],
    ['http://example.com', 'https://example.com', 'its scheme is https'],
    ['https://www.example.com', 'https://example.com', 'it has no www'],
    ['https://example.com', 'https://www.example.com', 'it has www'],
    ['https://example.com:8443', 'https://example.com', 'it has no port'],
    ['https://example.com:8443', 'https://example.com:9443', 'its port is another'],
    ['https://example.com', 'https://*.example.com', 'every name in front of example.com and not example.com itself'],
    ['https://app.example.com', 'https://example.com', '*.example.com would be'],
    [
      'https://example.com/chat/',
      'https://other.com',
      'browsers send https://example.com for https://example.com/chat/',
    ],
  ])('%s, where %s is allowed', async (page, allowed, said) => {
    const settings = { 'security.allowed_origins': allowed };
    const [fault = '', ...more] = await faults([originsConfigured], { settings, page });
    expect(fault).toMatch(/^fail origins\.configured pages of /);
    expect(fault).toContain(said);
    expect(fault).toContain('[security] allowed_origins = [');
    expect(more).toEqual([]);
  });

  test('where none is allowed', async () => {
    const { line } = await named('page-refused', { values: { PAGE: 'https://example.com' } });
    expect(line).toContain('pages of https://example.com');
  });

  test('that is allowed, also with a slash, a default port and upper case', async () => {
    const settings = { 'security.allowed_origins': 'https://*.example.com,loopback' };
    for (const page of ['https://app.example.com/', 'https://APP.example.com:443', 'http://localhost:5173/x'])
      expect(await findings([originsConfigured], { settings, page })).toMatchObject([{ level: 'ok' }]);
    expect((await faults([originsConfigured], { settings, page: 'example.com' }))[0]).toContain(
      'is no address of a page',
    );
  });
});
