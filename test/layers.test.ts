import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Rooms in the order of docs/architecture.md: a room may import those before it, and of its own layer none but its own. */
const LAYERS: readonly (readonly string[])[] = [
  ['protocol', 'config', 'telemetry'],
  ['client'],
  ['actor', 'segments'],
  ['redis'],
  ['broker', 'router', 'auth', 'limits', 'session', 'control', 'database', 'queue'],
  ['presence'],
  ['service'],
  ['connection'],
  ['node'],
  ['transport', 'http', 'apps', 'dialects'],
  ['doctor', 'plan'],
  ['cli', 'simulation', 'load', 'main.ts', 'index.ts'],
];

/** Within a layer: the rooms that may import others all the same. */
const ALLOWED: readonly (readonly [string, string])[] = [
  // The configuration checks names against the limits of the protocol.
  ['config', 'protocol'],
  // The entry points and the command line start everything.
  ['main.ts', 'cli'],
  ['index.ts', 'cli'],
  ['cli', 'simulation'],
  ['cli', 'load'],
];

const IMPORTS = /\b(?:from|import)\s+'(\.[^']+)'/g;

/** Where the word Redis belongs, and why. */
const NAMES_REDIS: readonly RegExp[] = [
  /^redis\//,
  /(^|\/)redis[^/]*$/,
  // Keys of the configuration, and what must hold between them.
  /^config\//,
  // Models of Redis, for the distributed broker to run on.
  /^simulation\//,
  // The table of all metrics has those of Redis as a part.
  /^telemetry\/metrics\.ts$/,
  // Verbs and answers that tell an operator which storage it is.
  /^cli\/storage\/(build|queue-kind|storage)\.ts$/,
  // Checks of what a server uses, by the name of what they look at.
  /^doctor\/check\.ts$/,
  /^doctor\/checks\/(redis\/|nodes\/|deliveries\/|host\/|manifests\/|all\.ts$)/,
  // Plans size Redis beside the nodes, and calibrations measure it.
  /^(plan|load\/calibrate)\//,
  /^cli\/(sessions|simulate|verbs|plan-options|plan|load-options|calibrate)\.ts$/,
  /^cli\/workers\/(parent-routes|serve-workers)\.ts$/,
];

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

describe('rooms import only what stands before them', () => {
  const imports = sourceFiles().flatMap(importsOf);

  test('every room has its layer', () => {
    const rooms = new Set(imports.flatMap(({ from, to }) => [from, to]));
    expect([...rooms].filter((room) => layerOf(room) === -1)).toEqual([]);
  });

  test('no import goes up, or across within a layer', () => {
    const wrong = imports.filter(({ from, to }) => from !== to && layerOf(to) >= layerOf(from) && !isAllowed(from, to));
    expect(wrong.map(({ file, to }) => `${file} imports ${to}/`)).toEqual([]);
  });

  test('the client library takes nothing of the server but its types and tables, and no package but its hooks React', () => {
    const tables = /^protocol\/(close-codes|errors|limits|position|wire)\.ts$/;
    const files = sourceFiles().filter((file) => file.startsWith('client/') && !isTest(file));
    expect(files.length).toBeGreaterThan(10);
    const foreign = files.flatMap((file) =>
      [...read(file).matchAll(/(?:from|import)\s+'([^']+)'/g)]
        .map(([, specifier = '']) => specifier)
        .filter((specifier) => {
          const target = relative(SRC, resolve(SRC, dirname(file), specifier));
          if (specifier === 'react') return !file.startsWith('client/react/');
          return !specifier.startsWith('.') || !(target.startsWith('client/') || tables.test(target));
        })
        .map((specifier) => `${file} imports ${specifier}`),
    );
    expect(foreign).toEqual([]);
  });

  test('connections know ports, not implementations', () => {
    const implementations = [
      'broker/memory.ts',
      'broker/distributed.ts',
      'session/memory.ts',
      'session/redis.ts',
      'telemetry/system-clock.ts',
      'telemetry/pino-log.ts',
    ];
    const wrong = sourceFiles()
      .filter((file) => file.startsWith('connection/') && !file.endsWith('.test.ts'))
      .filter((file) => implementations.some((path) => read(file).includes(`/${path}'`)));
    expect(wrong).toEqual([]);
  });

  test('the edge over HTTP knows no file of the edge over sockets: what both do stands in service/', () => {
    const wrong = imports.filter(({ from, to }) => from === 'http' && to === 'connection');
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  test('Redis is known to the files named after it', () => {
    const wrong = imports.filter(
      ({ file, from, to }) => to === 'redis' && from !== 'redis' && !/(^|\/)redis[^/]*$/.test(file),
    );
    // The verb that copies sessions from one Redis to another.
    expect(wrong.map(({ file }) => file).filter((file) => file !== 'cli/sessions.ts')).toEqual([]);
  });

  test('Redis is named in the files that are named after it, and elsewhere by its configuration keys', () => {
    const named = sourceFiles()
      .filter((file) => !isTest(file) && !NAMES_REDIS.some((exception) => exception.test(file)))
      .flatMap((file) =>
        read(file)
          .split('\n')
          .map((line) => line.replaceAll(/\bredis\.[a-z_]+/g, ''))
          .filter(
            (line) =>
              /redis/i.test(line) &&
              !/^ *(?:import .*|const \{ \w+ \} = await import\(').*redis[^/]*\.ts'\)?;$/.test(line),
          )
          .map((line) => `${file}: ${line.trim()}`),
      );
    expect(named).toEqual([]);
  });

  test('the picture in docs/architecture.md shows these imports and no others', () => {
    const drawn = picture();
    const real = new Set(imports.filter(({ from, to }) => from !== to).map(({ from, to }) => `${from} → ${to}`));
    const arrows = [...drawn].flatMap(([from, targets]) => [...targets].map((to) => `${from} → ${to}`));
    expect(arrows.filter((arrow) => !real.has(arrow))).toEqual([]);
    const missing = [...real].filter((arrow) => {
      const [from = '', to = ''] = arrow.split(' → ');
      return !reaches(drawn, from, to);
    });
    expect(missing).toEqual([]);
  });

  test('wire formats are named by their codecs, and kept by their index elsewhere', () => {
    // The generator of load is a client, and the simulator has clients: they choose a format by its name.
    const rooms = ['actor', 'auth', 'broker', 'connection', 'control', 'http', 'limits', 'node', 'router', 'segments'];
    const more = ['presence', 'service', 'session', 'telemetry', 'transport'];
    const named = sourceFiles()
      .filter((file) => !isTest(file) && [...rooms, ...more].includes(roomOf(file)))
      .filter((file) => /'msgpack'|\.msgpack\b|\bmsgpack:|'json' \?|=== 'json'/.test(read(file)));
    expect(named).toEqual([]);
  });

  test('simulation and load do not touch the socket library', () => {
    expect(imports.filter(({ from, to }) => (from === 'simulation' || from === 'load') && to === 'transport')).toEqual(
      [],
    );
  });
});

/**
 * Files that may name each other as types, and why. Values never go round: a file could then run before what it imports.
 */
const ONE_THING: readonly RegExp[] = [
  // A topic lists its subscriptions, a subscription knows its topic, and the trace of a topic writes down both.
  /^router\/(routed-topic|subscription|topic-trace)\.ts$/,
  // A connection is one actor: its class holds the state, and the files beside it are what it does with that.
  /^connection\//,
  // A client makes topics, and a topic names its client for the entries beside the core.
  /^client\/(client-api|topic)\.ts$/,
];

describe('no import comes back to where it began', () => {
  test('the finder finds cycles, and nothing else', () => {
    const imports = new Map([
      ['a', ['b', 'c']],
      ['b', ['d']],
      ['c', ['d']],
      ['d', ['e', 'zod']],
      ['e', ['b']],
      ['f', ['a']],
    ]);
    expect(cycles(imports)).toEqual([['b', 'd', 'e']]);
    expect(cycles(new Map([['a', ['a']]]))).toEqual([['a']]);
  });

  test('of values', () => {
    expect(cycles(importMap(withoutTypes))).toEqual([]);
  });

  test('of types, except within one thing', () => {
    const found = cycles(importMap());
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((files) => !ONE_THING.some((thing) => files.every((file) => thing.test(file))))).toEqual([]);
  });
});

function withoutTypes(text: string): string {
  return text.replaceAll(/^(?:import|export) type [^;]*;/gm, '');
}

/** What each file imports, tests apart. */
function importMap(prepared = (text: string): string => text): Map<string, string[]> {
  return new Map(
    sourceFiles()
      .filter((file) => !isTest(file))
      .map((file) => [
        file,
        [...prepared(read(file)).matchAll(IMPORTS)].map(([, specifier]) => targetOf(file, specifier ?? '')),
      ]),
  );
}

/** Groups of files that reach each other (Tarjan's strongly connected components), each sorted. */
function cycles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    const number = order.size;
    order.set(file, number);
    lowest.set(file, number);
    open.push(file);
    for (const target of imports.get(file) ?? []) {
      if (!imports.has(target)) continue;
      const reached = order.has(target) ? (open.includes(target) ? order.get(target) : undefined) : visit(target);
      lowest.set(file, Math.min(lowest.get(file) ?? number, reached ?? number));
    }
    const low = lowest.get(file) ?? number;
    if (low === number) {
      const group = open.splice(open.indexOf(file));
      if (group.length > 1 || imports.get(file)?.includes(file) === true) found.push(group.sort());
    }
    return low;
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return found;
}

/** The arrows of the picture of rooms, from room to rooms. */
function picture(): Map<string, Set<string>> {
  const page = readFileSync(fileURLToPath(new URL('../docs/architecture.md', import.meta.url)), 'utf8');
  const lines = /```mermaid\nflowchart TD\n([^`]*)```/.exec(page)?.[1]?.split('\n') ?? [];
  const arrows = new Map<string, Set<string>>();
  for (const line of lines) {
    const [from = '', to = ''] = line.split(/-->|-\. .* \.->/).map((side) => side.trim());
    for (const room of from.split(' & ').filter((name) => name !== ''))
      arrows.set(room, new Set([...(arrows.get(room) ?? []), ...to.split(' & ')]));
  }
  return arrows;
}

function reaches(arrows: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  const targets = [...(arrows.get(from) ?? [])];
  return targets.includes(to) || targets.some((target) => reaches(arrows, target, to));
}

function layerOf(room: string): number {
  return LAYERS.findIndex((rooms) => rooms.includes(room));
}

function isAllowed(from: string, to: string): boolean {
  return ALLOWED.some(([a, b]) => a === from && b === to);
}

function sourceFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
}

function read(file: string): string {
  return readFileSync(join(SRC, file), 'utf8');
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? '';
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts') || /(^|\/)(test-rig|contract-suite)[^/]*$/.test(file);
}

function targetOf(file: string, specifier: string): string {
  return relative(SRC, resolve(SRC, dirname(file), specifier));
}

/** Imports of a file, tests apart: they may look into other rooms. */
function importsOf(file: string): Import[] {
  if (isTest(file)) return [];
  const specifiers = [...read(file).matchAll(IMPORTS)].map(([, specifier]) => specifier ?? '');
  return specifiers.map((specifier) => ({ file, from: roomOf(file), to: roomOf(targetOf(file, specifier)) }));
}
