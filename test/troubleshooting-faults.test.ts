/** Symptoms of the guides (docs/troubleshooting.md): each has a command that a test runs while the fault is there (harness/symptoms.ts). */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { VERBS } from '../src/cli/verbs.ts';
import { CHECKS } from '../src/doctor/checks/all.ts';
import { answerOf, SYMPTOMS } from './harness/symptoms.ts';

const ROOT = new URL('../', import.meta.url);
const PAGE = readFileSync(new URL('docs/troubleshooting.md', ROOT), 'utf8');
const SELF = 'test/troubleshooting-faults.test.ts';

/** Runs of rows, as the tests have them. */
const RUNS = globSync('test/**/*.ts', { cwd: ROOT })
  .filter((file) => file !== SELF)
  .flatMap((file) =>
    [...readFileSync(new URL(file, ROOT), 'utf8').matchAll(/\bnamed\(\s*'([a-z0-9-]+)'/g)].map(([, id]) => ({
      id,
      file,
    })),
  );

describe('symptoms of the guides', () => {
  test('every row of the table can be read', () => {
    const begin = PAGE.indexOf('## Symptoms of the guides');
    const section = PAGE.slice(begin, PAGE.indexOf('\n## ', begin));
    expect(SYMPTOMS).toHaveLength(section.split('\n').filter((line) => line.startsWith('| ')).length - 2);
    expect(new Set(SYMPTOMS.map(({ id }) => id)).size).toBe(SYMPTOMS.length);
    for (const guide of ['000', '001', '002', '003', '004'])
      expect([guide, SYMPTOMS.some(({ symptom }) => symptom.includes(guide))]).toEqual([guide, true]);
  });

  test('no row without a run in its test, and no run without a row', () => {
    const ofRows = SYMPTOMS.map(({ id, file }) => `${id} in ${file}`).toSorted();
    expect(RUNS.map(({ id, file }) => `${id} in ${file}`).toSorted()).toEqual(ofRows);
  });

  test.each(SYMPTOMS)('$id: $command', ({ command }) => {
    const [, check] = /--only (\S+)/.exec(command) ?? [];
    if (check !== undefined) expect(CHECKS.map(({ name }) => name)).toContain(check);
    const [verb = ''] = command.split(' ');
    // Those of applications that are built in are no verbs of the server.
    if (!['conversations', 'webhooks'].includes(verb)) expect(Object.keys(VERBS)).toContain(verb);
  });
});

describe('what is held against the sentence of a row', () => {
  const row = {
    id: 'a-row',
    symptom: 'It is slow (000)',
    command: 'doctor --only load.loop',
    says: 'late by … ms (p99), … at most',
    file: SELF,
  };
  const of = (out: string, code = 0): unknown => answerOf(row, { code, out, err: '' });
  const line = 'warn  load.loop  n1: the event loop was late by 3 ms (p50), 7 ms (p99), 9 ms at most';

  test('a line of that check that is no ok, with what is to be done', () => {
    expect(of(`ok    a.check  well\n${line}\n                 → add nodes\n`)).toEqual({ line, cure: 'add nodes' });
    expect(of(line.replace('warn', 'fail'), 1)).toMatchObject({ cure: null });
  });

  test.each([
    ['another sentence', line.replace('late', 'early'), 0],
    ['of another check', line.replace('load.loop', 'load.cpu '), 0],
    ['that all is well', line.replace('warn', 'ok  '), 0],
    ['nothing', '', 1],
    ['a fault, and ends as if there was none', line.replace('warn', 'fail'), 0],
  ])('it is not enough that the answer says %s', (_, out, code) => {
    expect(() => of(out, code)).toThrow('doctor --only load.loop');
  });
});
