/**
 * The built server with its packages in few files: a server that is started loads seven hundred modules, and finding,
 * reading and linking them is half of what its start costs. The files of single modules stay where they are.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';

/** What is started as a process or a thread, without `.js`: names of files in `dist`. */
const PROGRAMS = ['main', 'cli/workers/worker', 'load/thread', 'load/http-thread', 'load/metronome'];
const FOLDER = 'bundled';
/**
 * With what they need themselves. Others stay outside: they are loaded by few servers, and some look for files beside their own.
 */
const PACKAGES: ReadonlySet<string> = new Set([
  'engine.io-parser',
  'ioredis',
  'jose',
  'msgpackr',
  'pino',
  'prom-client',
  'smol-toml',
  'socket.io-parser',
  'xstate',
  'zod',
]);

/** Replaces each program in `dist` by one that loads the bundle. */
export async function bundlePrograms(dist: string): Promise<void> {
  const bundle = await rolldown({
    input: Object.fromEntries(PROGRAMS.map((program) => [nameOf(program), join(dist, `${program}.js`)])),
    platform: 'node',
    external: (name, importer) => importer?.startsWith(dist) === true && /^[@\w]/.test(name) && !PACKAGES.has(name),
    // hdr-histogram-js calls `eval`, which a bundler warns of.
    logLevel: 'silent',
    plugins: [
      {
        name: 'own place',
        transform: (code, file) => (file.startsWith(dist) ? atItsPlace(code, relative(dist, file)) : null),
      },
    ],
  });
  await bundle.write({ dir: join(dist, FOLDER), format: 'esm', entryFileNames: '[name].js' });
  await bundle.close();
  for (const program of PROGRAMS) {
    const toBundle = relative(dirname(program), FOLDER).replace(/^(?=\w)/, './');
    writeFileSync(join(dist, `${program}.js`), `import '${toBundle}/${nameOf(program)}.js';\n`);
  }
}

/** What a module finds from its own place it finds there, wherever the bundler puts the module. */
function atItsPlace(code: string, file: string): string {
  return code.replaceAll('import.meta.url', `new URL('../${file}', import.meta.url).href`);
}

function nameOf(program: string): string {
  return program.replaceAll('/', '-');
}
