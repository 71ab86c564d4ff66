/** docs/plan.md: its examples are run and say what the page says; its tables and assumptions are those of the code. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readArguments } from '../src/cli/command.ts';
import { load } from '../src/cli/load.ts';
import { plan } from '../src/cli/plan.ts';
import { PLAN_OPTIONS, readGiven, readTarget } from '../src/cli/plan-options.ts';
import { TARGET_NAMES } from '../src/plan/target.ts';
import { signalbox } from './harness/process.ts';

const PAGE = readFileSync(fileURLToPath(new URL('../docs/plan.md', import.meta.url)), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/```\n\$ \.\/signalbox ([^\n]+)\n([^`]*)```/g)].map(([, argv = '', says = '']) => ({
  argv: argv.split(' '),
  says,
}));

describe('docs/plan.md', () => {
  test('has an example that works and one that is refused', () => {
    expect(EXAMPLES.map(({ says }) => says.startsWith('signalbox: '))).toEqual([true, false]);
  });

  test.each(EXAMPLES)('$argv says what stands there', async ({ argv, says }) => {
    const { out, err, code } = await signalbox(argv);
    const isRefused = says.startsWith('signalbox: ');
    expect(isRefused ? err : out).toBe(says);
    expect(code).toBe(isRefused ? 2 : 0);
  });

  test('has every number of a target', () => {
    for (const name of TARGET_NAMES) expect(PAGE).toContain(`\`${name}\``);
    const flags = Object.keys(PLAN_OPTIONS).filter((flag) => !PAGE.includes(`--${flag}`));
    expect(flags).toEqual([]);
  });
});

function targetFrom(...argv: string[]): ReturnType<typeof readTarget> {
  return readTarget(readArguments(plan, argv));
}

function fileOf(name: string, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-plan-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

describe('the target that flags and files make', () => {
  test('flags, with digits as people write them', () => {
    expect(targetFrom('-c', '50,000', '--publish-rate', '2000/s', '--retention', '30m', '--batching')).toMatchObject({
      connections: 50_000,
      publish_rate: 2_000,
      retention_secs: 1_800,
      retention_messages: 1_000,
      broker: 'redis',
      isBatching: true,
    });
    expect(targetFrom('--retention', '50', '--broker', 'memory')).toMatchObject({
      retention_messages: 50,
      broker: 'memory',
      nodes_lost: 0,
    });
  });

  test('a file in TOML or JSON, and flags before it', () => {
    const toml = fileOf('target.toml', 'connections = 2_000\nfan_out = 3\nbroker = "memory"\n');
    expect(targetFrom('--target', toml, '-c', '100')).toMatchObject({ connections: 100, fan_out: 3, broker: 'memory' });
    const json = fileOf('target.json', '{"payload": 900, "batching": true}');
    expect(targetFrom('--target', json)).toMatchObject({ payload: 900, isBatching: true });
  });

  test.each([
    [['--connections=-5'], 'expected connections as a whole number from 1 to 100,000,000, got -5'],
    [['--connections', 'many'], 'expected --connections as a number, got "many"'],
    [['--payload', 'NaN'], 'expected --payload as a number, got "NaN"'],
    [['--retention', '5 days'], 'expected --retention as messages or a time, such as 100, 30m or 24h, got "5 days"'],
    [['--broker', 'kafka'], 'expected the broker redis or memory, got "kafka"'],
    [['--target', '/nowhere.toml'], 'expected a file of numbers as TOML or JSON, /nowhere.toml: ENOENT'],
  ])('%j: %s', (argv, says) => {
    expect(() => targetFrom(...argv)).toThrow(says);
  });

  test.each([
    ['a.toml', 'connectionz = 5', 'got "connectionz"'],
    ['b.toml', 'connections = "5"', 'as a number, got "5"'],
    ['c.json', '[1]', 'expected a file of numbers as TOML or JSON'],
    ['d.json', '{"batching": 1}', 'batching'],
    ['e.toml', 'fan_out = nan', 'expected fan_out as a number from 0 to 100,000,000, got NaN'],
  ])('in a file %s: %s', (name, text, says) => {
    expect(() => targetFrom('--target', fileOf(name, text))).toThrow(says);
  });

  test('what is set has a name and a number', () => {
    expect(readGiven(readArguments(plan, ['--set', 'nodes=4', '--set', 'cpu_share=0.7']))).toEqual({
      nodes: 4,
      cpu_share: 0.7,
    });
    expect(() => readGiven(readArguments(plan, ['--set', 'nodes']))).toThrow(
      'expected --set like nodes=4, got "nodes"',
    );
    expect(() => readGiven(readArguments(plan, ['--set', 'nodes=x']))).toThrow(
      'expected --set nodes as a number, got "x"',
    );
  });
});

test('a calibration chooses its load itself', async () => {
  const run = load.run(readArguments(load, ['--calibrate', '--rate', '5']));
  await expect(run).rejects.toThrow('expected --calibrate with --quick, --out and --redis only, got --rate');
  await expect(load.run(readArguments(load, ['--quick', '--url', 'ws://localhost:1/ws']))).rejects.toThrow(
    'expected --calibrate with --quick',
  );
});
