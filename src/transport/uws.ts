/** Loads the newest uWebSockets.js binding that this platform can load. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
// The older binding's types: the code may use only what both have.
import type * as UWS from 'uWebSockets.js-compat';

const require = createRequire(import.meta.url);
// The library reads its limit for request heads from here when it is loaded: 16 KiB, as docs/protocol.md says.
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= '16384';
const PACKAGES = ['uWebSockets.js', 'uWebSockets.js-compat'] as const;

interface Binding {
  readonly uws: typeof UWS;
  readonly version: string;
}

/** @throws with the reason of every candidate when none loads; `UWS_PACKAGE` names one to be used instead */
function load(): Binding {
  const failures: string[] = [];
  const wanted = process.env['UWS_PACKAGE'];
  for (const name of wanted === undefined ? PACKAGES : [wanted]) {
    try {
      const uws = require(name) as typeof UWS;
      // The package hides its package.json from `require`, so it is read beside the entry point.
      const manifest = JSON.parse(readFileSync(join(dirname(require.resolve(name)), 'package.json'), 'utf8')) as {
        version: string;
      };
      return { uws, version: manifest.version };
    } catch (error) {
      const text = String(error);
      failures.push(
        `${name}: ${/GLIBC_[\d.]+. not found|Cannot find module '[^']+'/.exec(text)?.[0] ?? text.split('\n')[0] ?? ''}`,
      );
    }
  }
  throw new Error(
    `no uWebSockets.js binding loads on ${process.platform}-${process.arch}, Node ${process.version}:\n  ${failures.join('\n  ')}`,
  );
}

export const { uws, version: uwsVersion } = load();
