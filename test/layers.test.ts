import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Rooms in the order of docs/architecture.md: a room may import those before it, and of its own layer none but its own. */
const LAYERS: readonly (readonly string[])[] = [
  ['protocol', 'config', 'telemetry'],
  ['actor', 'segments'],
  ['redis'],
  ['broker', 'router', 'auth', 'limits', 'session', 'control'],
  ['connection'],
  ['node'],
  ['transport', 'http', 'extensions'],
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

  test('connections know ports, not implementations', () => {
    const implementations = [
      'broker/memory.ts',
      'broker/redis.ts',
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

  test('Redis is known to the files named after it', () => {
    const wrong = imports.filter(
      ({ file, from, to }) => to === 'redis' && from !== 'redis' && !/(^|\/)redis[^/]*$/.test(file),
    );
    expect(wrong.map(({ file }) => file).filter((file) => !file.startsWith('cli/'))).toEqual([]);
  });

  test('simulation and load do not touch the socket library', () => {
    expect(imports.filter(({ from, to }) => (from === 'simulation' || from === 'load') && to === 'transport')).toEqual(
      [],
    );
  });
});

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

/** Imports of a file, tests apart: they may look into other rooms. */
function importsOf(file: string): Import[] {
  if (file.endsWith('.test.ts') || /(^|\/)(test-rig|contract-suite)[^/]*$/.test(file)) return [];
  const specifiers = [...read(file).matchAll(/(?:from|import)\s+'(\.[^']+)'/g)].map(([, specifier]) => specifier ?? '');
  return specifiers.map((specifier) => {
    const target = relative(SRC, resolve(SRC, dirname(file), specifier));
    return { file, from: roomOf(file), to: roomOf(target) };
  });
}
