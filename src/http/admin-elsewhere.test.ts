import { expect, test } from 'vitest';
import type { ViewRequest } from '../control/views.ts';
import { silentLog, type Log } from '../telemetry/log.ts';
import { answerView } from './admin-elsewhere.ts';
import type { AdminRoute } from './admin-access.ts';

const REQUEST: ViewRequest = { path: '/admin/broken', parameters: {}, query: '' };
const broken: AdminRoute = {
  method: 'GET',
  path: '/admin/broken',
  handle: () => {
    throw new Error('a planted fault');
  },
};

test.each([
  ['a view that throws', REQUEST],
  ['a question of another version, without a request', undefined as unknown as ViewRequest],
])('%s is answered with an error and logged; it does not end the node', async (_, request) => {
  const lines: string[] = [];
  const log: Log = { ...silentLog, error: (message) => void lines.push(message) };
  const answer = await answerView([broken], request, log);
  expect(answer.status).toBe(500);
  expect(JSON.stringify(answer.body)).not.toContain('planted');
  expect(lines).toEqual(['View for another node failed']);
});

test('a view that this version does not have is not found', async () => {
  expect((await answerView([], REQUEST, silentLog)).status).toBe(404);
});
