/** The console in one script, as packages have it. */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const MAIN = fileURLToPath(new URL('../src/http/console/page/main.ts', import.meta.url));

export async function consoleBundle(): Promise<string> {
  // The charts are a file of their own, which is loaded when they are looked at.
  const bundle = await rolldown({ input: MAIN, external: /\/uplot\.js$/ });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  return output.map((part) => ('code' in part ? part.code : '')).join('');
}
