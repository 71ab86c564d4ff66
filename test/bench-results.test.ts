/** Pages are made of the newest figures of each workload and each curve, whichever file of results they are in. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scalingPage, type GrowthReport } from '../bench/report/growth.ts';
import { benchmarksPage, newestReports, performancePage, WORKLOADS, type Report } from '../bench/report/page.ts';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-results-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Writes files of results by their names. */
function resultsOf(files: Readonly<Record<string, unknown>>): URL {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), JSON.stringify(content));
  return pathToFileURL(`${directory}/`);
}

function report(conditions: string): Report {
  const section = { id: 'w', title: conditions, notes: [], tables: [], charts: [], targets: [], figures: null };
  return { conditions, section };
}

test('a workload that was measured alone on a new day stands beside the others of the days before', () => {
  const results = resultsOf({
    '2026-11-01-vm.json': { reports: newestReports() },
    '2099-01-01-vm.json': { reports: { w7: report('W7 of the new day') } },
  });
  const reports = newestReports(results);
  expect(Object.keys(reports)).toEqual(WORKLOADS.filter((id) => id === 'w7' || newestReports()[id] !== undefined));
  expect(performancePage(reports)).toContain('deliveries per CPU-second');
  expect(benchmarksPage(reports)).toContain('W7 of the new day');
});

test('the newest figures of a workload count', () => {
  const results = resultsOf({
    '2026-11-02-vm.json': { reports: { w1: report('second day'), w2: report('second day') } },
    '2026-11-01-vm.json': { reports: { w1: report('first day'), w3: report('first day') } },
  });
  const found = Object.entries(newestReports(results)).map(([id, { conditions }]) => [id, conditions]);
  expect(found).toEqual([
    ['w1', 'second day'],
    ['w2', 'second day'],
    ['w3', 'first day'],
  ]);
});

test('without results the error says who writes them', () => {
  expect(() => newestReports(resultsOf({}))).toThrow(/make bench writes one/);
});

test('a curve of an older day says when it was measured', () => {
  const curve = (id: string, value: number): GrowthReport['curves'][number] => ({
    id,
    title: id,
    of: id,
    kinds: { cost: 'each' },
    points: [{ x: 1, figures: { cost: value } }],
  });
  const results = resultsOf({
    '2026-11-01-vm.json': { conditions: '*first day*', curves: [curve('keys', 1.25), curve('topics', 2.5)] },
    '2026-11-02-vm.json': { conditions: '*second day*', curves: [curve('topics', 3.75)] },
  });
  const page = scalingPage(results);
  expect(page).toMatch(/bench:growth-conditions -->\s+\*second day\*/);
  expect(page).toMatch(/bench:growth-keys -->\s+\*first day\*\s+[^<]*\| cost \| 1.25/);
  expect(page).toMatch(/bench:growth-topics -->\s+\| topics[^<]*\| cost \| 3.75/);
});
