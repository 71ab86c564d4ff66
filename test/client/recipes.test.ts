/** docs/client-recipes.md: every block runs as it is printed, against a real server, and does what its heading says. */
import { describe, expect, test } from 'vitest';
import { CONNECTION } from './recipes/connection.ts';
import { MESSAGES } from './recipes/messages.ts';
import { PAGE, recipesOf } from './recipes/page.ts';
import { SCREENS } from './recipes/screens.ts';
import { World } from './recipes/world.ts';

const SCENARIOS = { ...CONNECTION, ...MESSAGES, ...SCREENS };
const RECIPES = recipesOf(PAGE);

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-');

describe('the page', () => {
  test('every recipe has one block, of at most fifteen lines of code and no fence that is not run', () => {
    const problems = RECIPES.map(({ problem }) => problem);
    expect(problems).toEqual([...new Set(problems)]);
    expect(PAGE.match(/^```\w/gm)).toHaveLength(RECIPES.length);
    const lines = RECIPES.map(({ problem, code }) => ({
      problem,
      lines: code.split('\n').filter((line) => line !== '').length,
    }));
    expect(lines.filter(({ lines }) => lines > 18)).toEqual([]);
  });

  test('the table leads to recipes that are there, and to every one of them', () => {
    const [, table = ''] = PAGE.split('## From what clients write by hand');
    const rows = (table.split('\n## ')[0] ?? '').matchAll(/\]\(#(.*?)\)/g);
    const named = new Set([...rows].map(([, anchor = '']) => anchor));
    expect([...named].sort()).toEqual(RECIPES.map(({ problem }) => anchorOf(problem)).sort());
  });

  test('every recipe has a scenario, and every scenario a recipe', () => {
    expect(Object.keys(SCENARIOS).sort()).toEqual(RECIPES.map(({ problem }) => problem).sort());
  });
});

test.each(RECIPES)('$problem', async (recipe) => {
  const world = await World.open(recipe);
  await SCENARIOS[recipe.problem]?.(world);
  expect(world.hasRun).toBe(true);
});
