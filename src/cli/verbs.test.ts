import { expect, test } from 'vitest';
import { VERBS } from './verbs.ts';

// The first of them loads the whole server.
const TEST_MS = 60_000;

test.each(Object.entries(VERBS))(
  '%s says the same of itself as the table that help prints',
  { timeout: TEST_MS },
  async (name, { summary, load }) => {
    const command = await load();
    expect([command.name, command.summary]).toEqual([name, summary]);
  },
);
