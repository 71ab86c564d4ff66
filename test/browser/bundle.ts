/**
 * The scripts of the test's pages with the library as it is built for the package, each in one file, as applications deliver
 * them. The page of a development server loads the library's modules one by one; that costs a browser half a second each time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { builtFiles } from '../harness/built-server.ts';

export const PAGES = fileURLToPath(new URL('site', import.meta.url));
/** A module as it is after a change. */
const CHANGED = '?second';

/** By path, of all scripts so far. */
const texts = new Map<string, string>();

/** The script at a path like `/page.js`, or a part that one of the scripts before has asked for. */
export async function scriptAt(path: string): Promise<string> {
  const known = texts.get(path);
  if (known !== undefined) return known;
  const client = join(builtFiles(), 'client');
  const build = await rolldown({
    input: join(PAGES, path),
    resolve: {
      alias: {
        'signalbox/client/react': join(client, 'react/index.js'),
        'signalbox/client/msgpack': join(client, 'msgpack/index.js'),
        'signalbox/client/persist': join(client, 'persist/index.js'),
        'signalbox/client/sse': join(client, 'sse/index.js'),
        'signalbox/client': join(client, 'index.js'),
        // As it is shipped for browsers.
        'socket.io-client': fileURLToPath(
          new URL('../../node_modules/socket.io-client/dist/socket.io.esm.min.js', import.meta.url),
        ),
        // The built files lie beside node_modules, not below them.
        react: fileURLToPath(new URL('../../node_modules/react', import.meta.url)),
      },
    },
    // Only in development StrictMode mounts everything twice.
    transform: { define: { 'process.env.NODE_ENV': '"development"' } },
    plugins: [
      {
        name: 'changed',
        load: (id) =>
          id.endsWith(CHANGED)
            ? readFileSync(id.slice(0, -CHANGED.length), 'utf8').replace('first: ', 'second: ')
            : null,
      },
    ],
  });
  const { output } = await build.generate({ format: 'esm' });
  for (const part of output) texts.set(`/${part.fileName}`, 'code' in part ? part.code : '');
  return texts.get(path) ?? '';
}
