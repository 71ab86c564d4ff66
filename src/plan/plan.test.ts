/** Every formula by what must hold of it, whatever the figures: known names, units that fit, costs that do not fall when the work grows. */
import { describe, expect, test } from 'vitest';
import { ASSUMPTIONS } from './assumptions.ts';
import { DEFAULT_PROFILE } from './default-profile.ts';
import { parseExpression, type Expression } from './expression.ts';
import { FIGURE_NAMES, FIGURES } from './figures.ts';
import { LIMITS, PARTS, planOf, unitOf, type Given, type Plan } from './plan.ts';
import { targetOf, type Target, type TargetName } from './target.ts';
import { DIMENSIONS } from './units.ts';

const ROWS = PARTS.flatMap(({ rows }) => rows);
const { figures } = DEFAULT_PROFILE;
const CHAT = { connections: 50_000, topics: 5_000, publish_rate: 2_000, fan_out: 20, payload: 300 } as const;

function planFor(changes: Partial<Record<TargetName, number>> = {}, given: Given = {}): Plan {
  return planOf(targetOf({ ...CHAT, ...changes }), figures, given);
}

/** Bytes and seconds of what an expression comes to; null for a number, which may stand for anything. */
function dimensionOf(expression: Expression): readonly [number, number] | null {
  switch (expression.kind) {
    case 'number':
      return null;
    case 'name': {
      const unit = unitOf(expression.name);
      if (unit === undefined) throw new Error(`no unit of ${expression.name}`);
      return DIMENSIONS[unit];
    }
    case 'call':
      return alike(expression.inputs.map(dimensionOf));
    default: {
      const [left, right] = [dimensionOf(expression.left), dimensionOf(expression.right)];
      if (expression.sign === '+' || expression.sign === '−') return alike([left, right]);
      const [[bytes, seconds], [more, longer]] = [left ?? [0, 0], right ?? [0, 0]];
      const way = expression.sign === '×' ? 1 : -1;
      return [bytes + way * more, seconds + way * longer];
    }
  }
}

function alike(dimensions: readonly (readonly [number, number] | null)[]): readonly [number, number] | null {
  const known = dimensions.flatMap((dimension) => (dimension === null ? [] : [dimension]));
  const [first] = known;
  if (first === undefined) return null;
  for (const other of known)
    if (other.join() !== first.join()) throw new Error(`${first.join()} and ${other.join()} are added`);
  return first;
}

describe('formulas', () => {
  test('each name stands once, and before it is used', () => {
    const names = [
      ...FIGURE_NAMES,
      ...Object.keys(ASSUMPTIONS),
      ...ROWS.map(({ name }) => name),
      ...LIMITS.map(({ name }) => name),
    ];
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
    expect(() => planFor()).not.toThrow();
  });

  test.each([...ROWS, ...LIMITS])('$name has the unit that its formula has', ({ formula, unit }) => {
    expect(dimensionOf(parseExpression(formula)) ?? DIMENSIONS[unit]).toEqual(DIMENSIONS[unit]);
  });

  test('every figure and every assumption is used by a formula', () => {
    const used = [...ROWS, ...LIMITS].map(({ formula }) => formula).join(' ');
    const idle = [...FIGURE_NAMES, ...Object.keys(ASSUMPTIONS)].filter(
      (name) => !new RegExp(`\\b${name}\\b`).test(used),
    );
    expect(idle).toEqual([]);
  });
});

/** What the nodes together must have: whatever grows, none of these falls. */
const COSTS = [
  'work_cores',
  'nodes',
  'redis_memory',
  'redis_cores',
  'redis_in',
  'redis_out',
  'publication_us',
  'delivery_us',
  'proxy_connections',
] as const;
/** With so many nodes as there are. */
const COSTS_OF_GIVEN_NODES = [
  ...COSTS,
  'node_cores',
  'lost_node_cores',
  'resident_memory',
  'kernel_memory',
  'node_memory_limit',
  'network_out',
  'network_in',
  'packets_out',
  'nofile',
  'node_ports',
  'conntrack_max',
  'full_storm_secs',
  'update_secs',
] as const;

describe('costs do not fall', () => {
  const inputs = ['connections', 'publish_rate', 'fan_out', 'payload', 'retention_messages', 'retention_secs'] as const;
  const steps = [1.01, 1.5, 2, 10];
  /** More connections share the same subscriptions, so each has fewer of them. */
  const falls = new Set(['connections full_storm_secs']);

  test.each(inputs)('when %s grows', (input) => {
    const start: Target = targetOf(CHAT);
    for (const step of steps) {
      const grown = { [input]: Math.ceil(start[input] * step) };
      const [before, after] = [planFor(), planFor(grown)];
      for (const cost of COSTS)
        expect([step, cost, after.valueOf(cost) >= before.valueOf(cost)]).toEqual([step, cost, true]);
      const [few, many] = [planFor({}, { nodes: 40 }), planFor(grown, { nodes: 40 })];
      for (const cost of COSTS_OF_GIVEN_NODES)
        if (!falls.has(`${input} ${cost}`))
          expect([step, cost, many.valueOf(cost) >= few.valueOf(cost) * (1 - 1e-12)]).toEqual([step, cost, true]);
    }
  });

  test.each(FIGURE_NAMES)('when a machine is worse in %s', (name) => {
    const worse = { ...figures, [name]: figures[name] * 2 + 1 };
    const [before, after] = [planFor({}, { nodes: 40 }), planOf(targetOf(CHAT), worse, { nodes: 40 })];
    for (const cost of COSTS_OF_GIVEN_NODES)
      expect([cost, after.valueOf(cost) >= before.valueOf(cost)]).toEqual([cost, true]);
    expect(FIGURES[name].says).not.toBe('');
  });

  test('more nodes that may be away are as many more nodes', () => {
    for (const nodes_lost of [0, 1, 2, 5])
      expect(planFor({ nodes_lost }).valueOf('nodes')).toBe(planFor({ nodes_lost: 0 }).valueOf('nodes') + nodes_lost);
  });
});

describe('what breaks first', () => {
  test('at the number of a limit, what it speaks of is full', () => {
    const given = { nodes: 10, max_connections: 20_000 };
    const atLimit = (name: string): Plan => {
      const limit = planFor({}, given).limits.find((each) => each.name === name);
      if (limit === undefined) throw new Error(`expected a limit ${name}`);
      return planFor({ [limit.grows]: Math.floor(limit.value) }, given);
    };
    expect(atLimit('core_of_redis').valueOf('redis_cores')).toBeGreaterThan(0.9);
    expect(atLimit('connections_of_nodes').valueOf('most_connections')).toBe(20_000);
    // Heartbeats do not grow with the rate, and the limits count them as if they did.
    expect(atLimit('network_of_nodes').valueOf('network_out') / 1e9).toBeGreaterThan(0.9);
    expect(atLimit('network_of_nodes').valueOf('network_out') / 1e9).toBeLessThanOrEqual(1.001);
    const cores = atLimit('cores_of_nodes').valueOf('lost_node_cores');
    expect(cores).toBeGreaterThan(0.9);
    expect(cores).toBeLessThanOrEqual(1.001);
  });

  test('a million connections: nodes by their limit, and the first that breaks is named first', () => {
    const plan = planFor({ connections: 1_000_000, topics: 100_000, publish_rate: 5_000, fan_out: 10 });
    expect(plan.valueOf('nodes')).toBe(101);
    expect(plan.limits.map(({ times }) => times)).toEqual(
      plan.limits.map(({ times }) => times).toSorted((a, b) => a - b),
    );
    expect(plan.limits[0]).toMatchObject({ name: 'connections_of_nodes', times: 1 });
  });

  test('without Redis nothing is said of it', () => {
    const plan = planOf(targetOf({ connections: 2_000, publish_rate: 50 }, 'memory'), figures);
    expect(plan.valueOf('nodes')).toBe(1);
    expect(plan.valueOf('redis_memory') + plan.valueOf('redis_cores') + plan.valueOf('redis_out')).toBe(0);
    expect(plan.limits.map(({ name }) => name)).not.toContain('core_of_redis');
  });
});

describe('nonsense is named, with what was expected and why', () => {
  test.each<[Partial<Record<TargetName, number>>, string]>([
    [{ connections: -5 }, 'expected connections as a whole number from 1 to 100,000,000, got -5: a client is whole'],
    [{ connections: 0 }, 'expected connections as a whole number from 1'],
    [{ connections: 1.5 }, 'expected connections as a whole number'],
    [
      { publish_rate: NaN },
      'expected publish_rate as a number (a second) from 0 to 1,000,000,000, got NaN: a rate has no sign',
    ],
    [{ publish_rate: Infinity }, 'got Infinity'],
    [{ topics: 0 }, 'whatever is published is published to a topic'],
    [
      { payload: 20_000_000 },
      'expected payload as a number (bytes) from 0 to 16,777,216, got 20000000: websocket.max_message_size',
    ],
    [
      { fan_out: 60_000 },
      'expected fan_out of at most 50,000 (connections), got 60000: a publication cannot reach more clients',
    ],
    [{ retention_secs: -1 }, 'expected retention_secs as a number (s) from 0'],
    [{ nodes_lost: 0.5 }, 'expected nodes_lost as a whole number'],
    [{ topics: 1_000_000, fan_out: 50_000 }, 'websocket.max_subscriptions allows a connection no more'],
  ])('%j', (changes, says) => {
    expect(() => planFor(changes)).toThrow(says);
  });

  test('a broker in memory has one node, which none can replace', () => {
    expect(() => targetOf({ nodes_lost: 1 }, 'memory')).toThrow(
      'expected nodes_lost 0 with the broker in memory, got 1',
    );
    expect(() => planOf(targetOf({ connections: 20_000 }, 'memory'), figures)).toThrow(
      'expected a target that one node can serve with the broker in memory, got one that needs 2 nodes',
    );
  });

  test('what is given must have a name, a value, and leave somebody to serve', () => {
    expect(() => planFor({}, { nodez: 4 })).toThrow('got "nodez"');
    expect(() => planFor({}, { nodes: -1 })).toThrow('expected --set nodes as a number from 0, got -1');
    expect(() => planFor({ nodes_lost: 3 }, { nodes: 3 })).toThrow(
      'expected nodes_lost below the number of nodes, got 3 of 3',
    );
    expect(() => planFor({}, { cpu_share: 0 })).toThrow('expected a cpu_share above what a node uses at rest');
  });
});
