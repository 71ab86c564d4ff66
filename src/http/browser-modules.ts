/**
 * Modules for a browser, from where they lie beside the server: built ones as they are, sources of a checkout without their
 * types. Nobody has to build anything before a page of the server can load them.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

const IMPORTS = /\bfrom\s*(['"])(\.[^'"]+)\1/g;

/**
 * The modules that `entries` need, themselves among them, by their path below `root`.
 * @param root the folder that has all rooms
 */
export function browserModules(root: URL, entries: readonly string[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (texts.has(path)) continue;
    const file = new URL(path, root);
    const text = path.endsWith('.ts') ? withoutTypes(readFileSync(file, 'utf8')) : readFileSync(file, 'utf8');
    texts.set(path, text);
    for (const [, , imported = ''] of text.matchAll(IMPORTS))
      open.push(new URL(imported, file).href.slice(root.href.length));
  }
  return texts;
}

/** Has each import name a file that `rename` makes of the path below `root`. */
export function withImports(path: string, text: string, rename: (path: string) => string): string {
  const base = new URL(path, 'file:///');
  return text.replaceAll(IMPORTS, (_all, quote: string, imported: string) => {
    const target = new URL(imported, base).pathname.slice(1);
    return `from ${quote}${rename(target)}${quote}`;
  });
}

/** The tool warns that it is experimental. The people who run the server can do nothing about that, and a test shows that it works. */
function withoutTypes(source: string): string {
  const emitWarning: unknown = Reflect.get(process, 'emitWarning');
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source);
  } finally {
    Reflect.set(process, 'emitWarning', emitWarning);
  }
}
