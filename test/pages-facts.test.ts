/** What the pages name exists: files, configuration keys, environment variables, metrics, rooms. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BUILT_IN } from '../src/cli/built-in-apps.ts';
import { VERBS } from '../src/cli/verbs.ts';
import { CHECKS } from '../src/doctor/checks/all.ts';
import { KEYS } from '../src/config/keys.ts';
import { SECTIONS } from '../src/config/schema.ts';
import { CLOSE_CODES, CLOSE_RANGES } from '../src/protocol/close-codes.ts';
import { METRICS } from '../src/telemetry/metrics.ts';
import { WORKER_METRICS } from '../src/telemetry/worker-metrics.ts';
import { PAGES } from './kit/pages.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const EXTENSIONS = 'ts|mjs|toml|yaml|yml|lua|conf|sh|md';
/** In which pages give a number of seconds. */
const UNITS: Readonly<Record<string, number>> = { s: 1, h: 3_600, days: 86_400 };
/** Numbers of four digits that are no close codes. */
const OTHER_NUMBERS = new Set([4_096]);
/** Files of somebody else, and names that are no files here. */
const ELSEWHERE = new Set(['redis.conf', 'signalbox.toml', 'worker.mjs']);

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** Applications that pages name: they have keys, variables and metrics of their own, which their own tests hold. */
const APPS = [...Object.keys(BUILT_IN), 'poll'];

const FILES = globSync('{*,{src,test,bench,docs,deploy,k8s,scripts,config,bin,examples}/**}', {
  cwd: ROOT,
  exclude: (path) => path.includes('node_modules'),
});

/** A page may leave the folders before a file away. */
function isFile(name: string): boolean {
  const path = name.replace(/\/$/, '');
  if (path.includes('*')) return FILES.some((file) => matchesGlob(file, path) || matchesGlob(file, `**/${path}`));
  return FILES.some((file) => file === path || file.endsWith(`/${path}`));
}

describe.each(PAGES)('%s', (page) => {
  const text = read(page);
  const quoted = [...text.matchAll(/`([^`\s]+)`/g)].map(([, word = '']) => word);

  test('its files are there', () => {
    const named = quoted.filter((word) => new RegExp(`^[\\w./*-]+\\.(${EXTENSIONS})$`).test(word) && /^\w/.test(word));
    const folders = quoted.filter((word) => /^(src|test|bench|docs|deploy|k8s|scripts|config)\/[\w./*-]*$/.test(word));
    expect([...named, ...folders].filter((name) => !ELSEWHERE.has(name) && !isFile(name))).toEqual([]);
  });

  test('its configuration keys are there', () => {
    const known = new Set([...KEYS.map(({ path }) => path), ...APPS.map((app) => `apps.${app}`)]);
    const named = quoted.filter(
      (word) => /^[a-z_]+\.[a-z_]+$/.test(word) && Object.hasOwn(SECTIONS, word.split('.')[0] ?? ''),
    );
    // Checks of doctor have such names too.
    for (const { name } of CHECKS) known.add(name);
    expect(named.filter((word) => !known.has(word) && !new RegExp(`\\.(${EXTENSIONS})$`).test(word))).toEqual([]);
  });

  test('the defaults that it names are those of the configuration', () => {
    const named = text.matchAll(/`(?:\[\w+\] )?(?:[a-z_]+\.)?([a-z_]+)`\s\((\d[\d,]*)(?: (s|h|days))?[);]/g);
    const wrong = [...named].filter(([, key = '', number = '', unit = 's']) => {
      const value = Number(number.replaceAll(',', '')) * (UNITS[unit] ?? 1);
      const keys = KEYS.filter(({ path }) => path.split('.').at(-1) === key);
      return keys.length > 0 && !keys.some(({ fallback }) => fallback === value);
    });
    expect(wrong.map(([words]) => words)).toEqual([]);
  });

  test('its close codes are there', () => {
    const known = new Set<number>([
      ...Object.values(CLOSE_CODES).map(({ code }) => code),
      ...CLOSE_RANGES.flatMap(({ from, to }) => [from, to]),
    ]);
    const named = [...text.matchAll(/(?<![\d.,:-])4[0-3]\d\d(?![\d.,]*\d| (?:bytes|MB|kB|ms)|,\d)/g)].map(([code]) =>
      Number(code),
    );
    expect(named.filter((code) => !known.has(code) && !OTHER_NUMBERS.has(code))).toEqual([]);
  });

  test('its environment variables are there', () => {
    const known = new Set(KEYS.flatMap(({ variables }) => variables));
    const named = [...text.matchAll(/\bSIGNALBOX_[A-Z_]+[A-Z]\b/g)].map(([name]) => name.replace(/_FILE$/, ''));
    const examples = new Set(['SIGNALBOX_SECTION_KEY', 'SIGNALBOX_SERVICE_HOST', 'SIGNALBOX_REDIS_PORT']);
    const isOfApp = (name: string): boolean =>
      APPS.some((app) => name.startsWith(`SIGNALBOX_APPS_${app.toUpperCase()}_`));
    expect(named.filter((name) => !known.has(name) && !examples.has(name) && !isOfApp(name))).toEqual([]);
  });

  test('its metrics are there', () => {
    const known = [...METRICS, ...WORKER_METRICS].map(({ name }) => name);
    const named = [...text.matchAll(/\bsignalbox_[a-z_]+[a-z](?![\w.-])/g)].map(([name]) => name);
    const isKnown = (name: string): boolean =>
      APPS.some((app) => `${name}_`.startsWith(`signalbox_${app}_`)) ||
      known.some((each) => each.startsWith(name) || name.replace(/_(bucket|sum|count)$/, '') === each);
    expect(named.filter((name) => !isKnown(name))).toEqual([]);
  });
});

test('README.md lists every verb, and no other', () => {
  const table = read('README.md').split('| verb | what it does |')[1]?.split('\n\n')[0] ?? '';
  const listed = [...table.matchAll(/^\| (.+?) \|/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`([a-z-]+)`/g)].map(([, verb = '']) => verb),
  );
  expect(listed.toSorted()).toEqual(Object.keys(VERBS).toSorted());
});

describe('docs/architecture.md', () => {
  const [, picture = ''] = read('docs/architecture.md').split('```');
  const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());

  test('its picture has every room, and no other', () => {
    const drawn = [...picture.matchAll(/^ {2}([\w-]+)\/ /gm)].map(([, room = '']) => room);
    expect(drawn.toSorted()).toEqual(rooms.map(({ name }) => name).toSorted());
  });

  test('its table of layers has every room', () => {
    const layers = read('docs/architecture.md').split('| layer | rooms | may import |')[1]?.split('\n\n')[0] ?? '';
    const missing = rooms.filter(({ name }) => !layers.includes(`\`${name}\``));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  test('the parts of rooms that it names are there', () => {
    const names = new Set(rooms.map(({ name }) => name));
    const named = [...read('docs/architecture.md').matchAll(/`([a-z]+)((?:\/[a-z-]+)+)(?:\.ts)?\/?`/g)];
    const parts = named.filter(([, room = '']) => names.has(room)).map(([, room, part]) => `${room}${part}`);
    expect(parts.length).toBeGreaterThan(20);
    expect(parts.filter((part) => globSync(`src/${part}{,.ts}`, { cwd: ROOT }).length === 0)).toEqual([]);
  });

  test('its other folders are there', () => {
    const named = [...picture.matchAll(/^(\w[\w-]*)\/ /gm)].map(([, folder = '']) => folder);
    expect(named.filter((folder) => !existsSync(join(ROOT, folder)))).toEqual([]);
  });
});
