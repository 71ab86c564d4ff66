/** What the pages for operators name is there: files, links, metrics, configuration keys, verbs, resources, error reasons. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { VERBS } from '../src/cli/verbs.ts';
import { KEYS_BY_PATH } from '../src/config/keys.ts';
import { SECTIONS } from '../src/config/schema.ts';
import { METRICS } from '../src/telemetry/metrics.ts';
import { WORKER_METRICS } from '../src/telemetry/worker-metrics.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGES = ['docs/operations.md', 'docs/kubernetes.md', 'docs/troubleshooting-kubernetes.md'];

const text = PAGES.map((page) => read(page)).join('\n');

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function all(pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, found = '']) => found))];
}

const verbs = new Set(Object.keys(VERBS));

describe('the pages for operators name what is there', () => {
  test.each(PAGES)('%s: its links lead somewhere', (page) => {
    for (const [, link = ''] of read(page).matchAll(/\]\(([^)#]+)\)/g))
      expect([link, existsSync(join(ROOT, dirname(page), link))]).toEqual([link, true]);
    expect(read('docs/README.md')).toContain(`(${page.slice('docs/'.length)})`);
  });

  test('files', () => {
    const files = all(/(?<![\w/-])((?:k8s|deploy|test|config)\/[\w./-]+\w)/g);
    expect(files.length).toBeGreaterThan(15);
    expect(files.filter((file) => !existsSync(join(ROOT, file)) && file !== 'deploy/redis')).toEqual([]);
  });

  test('metrics', () => {
    const names = all(/\b(signalbox_[a-z_]+)\b/g);
    expect(names.length).toBeGreaterThan(5);
    const known = new Set([...METRICS, ...WORKER_METRICS].map(({ name }) => name));
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  test('configuration keys', () => {
    const sections = Object.keys(SECTIONS).join('|');
    const keys = all(new RegExp(`\`((?:${sections})\\.[a-z_]+)\\b`, 'g'));
    expect(keys.length).toBeGreaterThan(8);
    expect(keys.filter((key) => !KEYS_BY_PATH.has(key))).toEqual([]);
  });

  test('verbs', () => {
    const named = all(/\.\/signalbox ([a-z-]+)/g);
    expect(named).toEqual(expect.arrayContaining(['health', 'token', 'serve']));
    expect(named.filter((verb) => !verbs.has(verb))).toEqual([]);
  });

  test('alerts', () => {
    const alerts = read('deploy/prometheus/alerts.yml');
    expect(all(/`(Signalbox[A-Z]\w+)`/g).filter((name) => !alerts.includes(`alert: ${name}\n`))).toEqual([]);
  });
});

describe('figures that two pages have are the same', () => {
  const operations = read('docs/operations.md');

  /** The cells of the server's first row in the first table of a workload. */
  function row(workload: string): readonly string[] {
    const [, section = ''] = read('docs/benchmarks.md').split(`\n### ${workload}: `);
    const line = section.split('\n').find((text) => text.startsWith('| **Signalbox, JSON**')) ?? '';
    return line.split('|').map((cell) => cell.replaceAll('*', '').trim());
  }

  // What a core delivers stands on performance.md alone, and is generated there.
  test('CPU of an accept, memory of a connection', () => {
    const [, , bytes, first, , , , subscribe] = row('W3');
    expect(operations).toContain(`in the process | ${bytes} bytes |`);
    expect(operations).toContain(`${first} µs each, and ${subscribe} µs to subscribe (`);
  });

  test('what a topic costs in Redis is told by one page', () => {
    const formula = /topics × \(([\d,]+) \+/.exec(read('docs/redis.md'));
    const each = Number(formula?.[1]?.replace(',', ''));
    const example = (10_000 * (each + 100 * (300 + 100))) / 1e6;
    expect(operations).toContain(`10,000 topics of 100 messages of 300 bytes are ${example} MB`);
  });
});
