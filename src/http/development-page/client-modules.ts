/** The client library as modules for the page of a development server. */
import { existsSync } from 'node:fs';
import { browserModules } from '../browser-modules.ts';

export interface ClientModules {
  /** The path of the library without modules, below {@link texts}. */
  readonly entry: string;
  readonly assistant: string;
  readonly conversations: string;
  /** By path below the root, as `client/classic/index.js`. */
  readonly texts: ReadonlyMap<string, string>;
}

/** @param root the folder that has `client/` and `protocol/` */
export function clientModules(root: URL): ClientModules {
  const ending = existsSync(new URL('client/classic/index.js', root)) ? 'js' : 'ts';
  const entry = `client/classic/index.${ending}`;
  const assistant = `client/assistant/index.${ending}`;
  const conversations = `client/conversations/index.${ending}`;
  return { entry, assistant, conversations, texts: browserModules(root, [entry, assistant, conversations]) };
}
