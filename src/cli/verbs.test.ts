import { expect, test } from 'vitest';
import { VERBS } from './verbs.ts';

test.each(Object.entries(VERBS))(
  '%s says the same of itself as the table that help prints',
  async (name, { summary, load }) => {
    const command = await load();
    expect([command.name, command.summary]).toEqual([name, summary]);
  },
);
