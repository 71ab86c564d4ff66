import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeKey } from './keys.ts';

test.each([
  ['plain', z.string().meta({ secret: 'key' })],
  ['that may be missing', z.string().meta({ secret: 'key' }).optional()],
  ['with a default, described afterwards', z.string().meta({ secret: 'key' }).default('x').describe('signs')],
  [
    'refined afterwards',
    z
      .string()
      .meta({ secret: 'key' })
      .refine((text) => text !== '')
      .optional(),
  ],
])('a secret is one, %s', (_, type) => {
  expect(describeKey('apps.test.secret', type)).toMatchObject({ isSecret: true, secret: 'key' });
});

test('what a URL holds is known through whatever stands around it', () => {
  const url = z.url().meta({ urlPaths: 'secret' }).describe('where to').nullable().optional();
  expect(describeKey('apps.test.url', url)).toMatchObject({ urlPaths: 'secret', description: 'where to' });
});
