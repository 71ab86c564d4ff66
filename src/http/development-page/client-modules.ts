/**
 * The client library as modules for a browser, from where it lies beside the server: built ones as they are, sources of a
 * checkout without their types. Nobody has to build anything before the page of a development server can load it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

const IMPORTS = /\bfrom\s*(['"])(\.[^'"]+)\1/g;

export interface ClientModules {
  /** The path of the library without modules, below {@link texts}. */
  readonly entry: string;
  readonly conversations: string;
  /** By path below the root, as `client/classic/index.js`. */
  readonly texts: ReadonlyMap<string, string>;
}

/** @param root the folder that has `client/` and `protocol/` */
export function clientModules(root: URL): ClientModules {
  const ending = existsSync(new URL('client/classic/index.js', root)) ? 'js' : 'ts';
  const entry = `client/classic/index.${ending}`;
  const conversations = `client/conversations/index.${ending}`;
  const texts = new Map<string, string>();
  const open = [entry, conversations];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (texts.has(path)) continue;
    const file = new URL(path, root);
    const text = path.endsWith('.ts') ? withoutTypes(readFileSync(file, 'utf8')) : readFileSync(file, 'utf8');
    texts.set(path, text);
    for (const [, , imported = ''] of text.matchAll(IMPORTS))
      open.push(new URL(imported, file).href.slice(root.href.length));
  }
  return { entry, conversations, texts };
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
