/**
 * The files of the console, by the name under which a browser asks for them. A package has one script; a checkout and an image
 * have the sources, which are given without their types and under names without folders.
 */
import { existsSync, readFileSync } from 'node:fs';
import { browserModules, withImports } from '../browser-modules.ts';

export interface Asset {
  readonly type: string;
  readonly text: string;
}

/** What `index.html` loads. */
export const SCRIPT = 'console.js';
const CHART = 'uplot.js';
const PAGE = 'http/console/page/';
const VENDOR = 'http/console/vendor/';

const SCRIPTS = 'text/javascript; charset=utf-8';
const STYLES = 'text/css; charset=utf-8';

/** @param rooms the folder of all rooms, of sources or of built files */
export function consoleAssets(rooms: URL): ReadonlyMap<string, Asset> {
  const read = (path: string): string => readFileSync(new URL(path, rooms), 'utf8');
  return new Map<string, Asset>([
    ['console.css', { type: STYLES, text: read(`${PAGE}console.css`) }],
    ['chart.css', { type: STYLES, text: read(`${VENDOR}uPlot.min.css`) }],
    ['icon.svg', { type: 'image/svg+xml', text: read(`${PAGE}icon.svg`) }],
    // As its makers ship it, for pages without modules; loaded when the charts are looked at.
    [CHART, { type: SCRIPTS, text: `${read(`${VENDOR}uPlot.iife.min.js`)}\nexport { uPlot };\n` }],
    ...scripts(rooms, read),
  ]);
}

export function consolePage(rooms: URL): string {
  return readFileSync(new URL(`${PAGE}index.html`, rooms), 'utf8');
}

function scripts(rooms: URL, read: (path: string) => string): [string, Asset][] {
  if (existsSync(new URL(`${PAGE}${SCRIPT}`, rooms)))
    return [[SCRIPT, { type: SCRIPTS, text: read(`${PAGE}${SCRIPT}`) }]];
  const main = `${PAGE}main.ts`;
  const modules = browserModules(rooms, [main]);
  return [
    [SCRIPT, { type: SCRIPTS, text: `import './${flatName(main)}';\n` }],
    ...[...modules].map(([path, text]): [string, Asset] => [
      flatName(path),
      { type: SCRIPTS, text: withImports(path, text, (target) => `./${flatName(target)}`) },
    ]),
  ];
}

function flatName(path: string): string {
  return path.replaceAll('/', '~');
}
