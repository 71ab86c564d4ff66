/** Prints what the client library costs a page, minified and compressed, and fails above the limits. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const CLIENT = fileURLToPath(new URL('../src/client', import.meta.url));

/**
 * Bytes by entry. `#private` members are renamed by every minifier, `private` ones are not: that is why the client writes
 * them so. What an entry shares with the core is counted in both.
 */
const LIMITS: Readonly<Record<string, number>> = {
  'index.ts': 12_090,
  'classic/index.ts': 13_100,
  'assistant/index.ts': 7_140,
  'conversations/index.ts': 5_760,
  'debug/index.ts': 160,
  'history/index.ts': 600,
  'iterators/index.ts': 256,
  'reader/index.ts': 10_240,
  'queue/index.ts': 480,
  'store/index.ts': 600,
  'pattern/index.ts': 2_930,
  'presence/index.ts': 2_240,
  'react/index.ts': 3_520,
  'react/assistant.ts': 7_340,
  'persist/index.ts': 2_450,
  'msgpack/index.ts': 1_792,
  'sse/index.ts': 5_780,
};

for (const [entry, limit] of Object.entries(LIMITS)) {
  const bundle = await rolldown({ input: join(CLIENT, entry), external: ['react'] });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  const size = gzipSync(output.map((part) => ('code' in part ? part.code : '')).join(''), { level: 9 }).length;
  process.stdout.write(`client/${entry}: ${size} bytes minified and compressed (at most ${limit})\n`);
  if (size > limit) process.exitCode = 1;
}
