import { describe, expect, test } from 'vitest';
import { planOf } from '../load/test-rig.ts';
import { readArguments } from './command.ts';
import { readHttpPlan, readPlan } from './load-options.ts';
import { shownCommand } from './load-session.ts';
import { load } from './load.ts';

const { target } = planOf();

function planFrom(...argv: string[]): ReturnType<typeof readPlan> {
  return readPlan(readArguments(load, argv), target);
}

describe('the plan that the flags make', () => {
  test('without any: a small load that default limits allow', () => {
    expect(planFrom()).toMatchObject({
      connections: 100,
      topics: 10,
      subscribers: 10,
      publishers: 2,
      pace: { kind: 'rate', perSecond: 100 },
      payloadBytes: 128,
      format: 'json',
      batching: false,
      ramp: { connections: 10, everyMs: 10 },
      warmUpMs: 1_000,
      durationMs: 10_000,
      storms: null,
      slowReaders: null,
    });
  });

  test('two runs have different topics of the same length', () => {
    const [first, second] = [planFrom(), planFrom('--topic-prefix', 'chat')];
    expect(first.topicPrefix).toMatch(/^load\.[a-z0-9]{6}$/);
    expect(second.topicPrefix).toMatch(/^chat\.[a-z0-9]{6}$/);
    expect(first.runId).not.toBe(second.runId);
  });

  test('the preset of the seed, and a flag over it', () => {
    const { connections, topics, subscribers, pace, ramp, durationMs } = planFrom('--preset', 'seed', '-d', '1m');
    expect([connections, topics, subscribers, pace, ramp, durationMs]).toEqual([
      5_000,
      500,
      10,
      { kind: 'rate', perSecond: 100 },
      { connections: 10, everyMs: 10 },
      60_000,
    ]);
  });

  test('a window has one publisher, round trips have one per connection and no subscribers', () => {
    expect(planFrom('--window', '64')).toMatchObject({ pace: { kind: 'window', inFlight: 64 }, publishers: 1 });
    expect(planFrom('--echo', '-c', '200', '--window', '3')).toMatchObject({
      pace: { kind: 'round-trips', inFlight: 3 },
      connections: 0,
      subscribers: 0,
      topics: 200,
      publishers: 200,
    });
    expect(planFrom('--echo', '-c', '20', '--rate', '40')).toMatchObject({ pace: { kind: 'rate', perSecond: 40 } });
  });

  test('storms and slow readers have their times within the duration', () => {
    const plan = planFrom('--storm', '0.25', '--slow-readers', '10', '-d', '30s');
    expect(plan.storms).toEqual({ share: 0.25, atMs: 10_000, awayMs: 1_000, everyMs: 0 });
    expect(plan.slowReaders).toEqual({ count: 10, atMs: 3_000, forMs: 15_000 });
  });

  test.each([
    [['--preset', 'sprout'], 'expected --preset seed, got "sprout"'],
    [['--rate', '5', '--window', '5'], 'expected --rate (open loop) or --window (closed loop), got both'],
    [['--rate', 'many'], 'expected --rate as publishes a second, got "many"'],
    [['--connections', '0'], 'expected --connections as a whole number from 1'],
    [['--connections', '10', '--topics', '5', '--subscribers', '1'], 'so that every connection has a topic'],
    [['--connections', '10', '--subscribers', '11'], 'expected --subscribers of at most 10 (--connections), got 11'],
    [['--connections', '10', '--topics', '11'], 'expected --topics of at most 10 without --subscribers, got 11'],
    [['--duration', '5'], 'expected a time like 500ms, 30s or 5m in --duration, got "5"'],
    [['--format', 'xml'], 'expected --format json or msgpack, got "xml"'],
    [['--payload', '14'], 'expected --payload as a whole number from 15'],
    [['--ramp', '10'], 'expected --ramp like 10/10ms, got "10"'],
    [['--storm', '0'], 'expected --storm like 50% or 0.5'],
    [['--storm', '101%'], 'expected --storm like 50% or 0.5'],
    [['--storm', '50%', '--storm-at', '10s'], 'expected --storm-at and --storm-away together within --duration'],
    [['--storm', '50%', '--storm-every', '1s'], 'expected --storm-every longer than --storm-away'],
    [['--slow-readers', '101'], 'expected --slow-readers as a whole number from 1 to 100'],
    [['--window', '5', '--slow-readers', '1'], 'expected --rate with --storm or --slow-readers'],
  ])('%j: %s', (argv, says) => {
    expect(() => planFrom(...argv)).toThrow(says);
  });
});

describe('the plan for an HTTP endpoint', () => {
  function httpFrom(...argv: string[]): ReturnType<typeof readHttpPlan> {
    return readHttpPlan(readArguments(load, argv), new URL('wss://example.com:9/ws?x=1'), null);
  }

  test('is the path at the host of the target, and nothing else of its URL', () => {
    expect(httpFrom('--http', '/health')).toMatchObject({
      url: 'https://example.com:9/health',
      method: 'GET',
      rate: null,
    });
    expect(() => httpFrom('--http', 'health')).toThrow('expected --http with a path like /health');
  });

  test('a body is posted unless another method is asked for', () => {
    expect(httpFrom('--http', '/api/publish', '--http-body', '{}')).toMatchObject({ method: 'POST', body: '{}' });
    expect(httpFrom('--http', '/x', '--http-body', '{}', '--http-method', 'PUT')).toMatchObject({ method: 'PUT' });
  });
});

test('the command in reports shows no secrets and can be pasted', () => {
  const argv = ['load', '--url', 'ws://h/ws?token=abc&x=1', '--secret', 's3', '--token=t', '--http-body', '{"a": 1}'];
  expect(shownCommand(argv)).toBe(
    String.raw`signalbox load --url "ws://h/ws?token=…&x=1" --secret … --token=… --http-body "{\"a\": 1}"`,
  );
});
