/** Lua scripts: text in files of their own, called by digest. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export class Script {
  readonly source: string;
  /** What `EVALSHA` wants. */
  readonly digest: string;

  constructor(source: string) {
    this.source = source;
    this.digest = createHash('sha1').update(source).digest('hex');
  }
}

/**
 * Joins files to one script. With the first line of a Redis 7 script, Redis refuses the whole of it when it may not
 * write (out of memory, read-only), instead of stopping half-way.
 * @param isWrite whether the script always writes
 * @throws Error when a file cannot be read
 */
export function readScript(isWrite: boolean, ...files: readonly URL[]): Script {
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  return new Script(isWrite ? `#!lua\n${text}` : text);
}
