/** All sessions at once: to be backed up and restored. */
import { isFailure, type Command, type Results } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import { readScript, type Script } from '../redis/script.ts';
import { readSession } from './session-json.ts';
import type { Session } from './session-store.ts';

const SCAN_COUNT = 1_000;

export class RedisSessionArchive {
  private readonly link: RedisLink;
  private readonly restoring: Script;

  /** Before the link starts. */
  constructor(link: RedisLink) {
    this.link = link;
    this.restoring = readScript(true, new URL('./lua/restore.lua', import.meta.url));
    link.useScripts(this.restoring);
  }

  /**
   * Every session that was there from the beginning to the end, in pages.
   * @param unreadable told of a key whose value is no session, and why; it is left out
   * @throws Error when Redis does not answer
   */
  async *all(unreadable: (key: string, problem: string) => void): AsyncGenerator<readonly Session[]> {
    const pattern = `${this.link.keys.start('session')}*`;
    for (const server of this.link.servers) {
      let cursor = '0';
      do {
        const [next, keys] = await server.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
        cursor = next;
        if (keys.length === 0) continue;
        const texts = await this.read(keys.map((key): Command => ['GET', key]));
        yield texts.flatMap((text, at) => (typeof text === 'string' ? parse(text, keys[at] ?? '', unreadable) : []));
      } while (cursor !== '0');
    }
  }

  /**
   * Stores sessions for `ttlMs`, except those of which Redis has a newer state.
   * @returns how many were stored
   * @throws Error when Redis does not answer
   */
  async restore(sessions: readonly Session[], ttlMs: number): Promise<number> {
    const commands = sessions.map((session): Command => [
      'EVALSHA',
      this.restoring.digest,
      1,
      this.link.keys.key('session', '', session.id),
      JSON.stringify(session),
      session.savedAt,
      ttlMs,
    ]);
    const results = await new Promise<Results>((resolve) => this.link.write(commands, resolve));
    throwFailure(results);
    return results.filter((result) => result === 'restored').length;
  }

  private async read(commands: readonly Command[]): Promise<Results> {
    const results = await new Promise<Results>((resolve) => this.link.read(commands, resolve));
    throwFailure(results);
    return results;
  }
}

function parse(text: string, key: string, unreadable: (key: string, problem: string) => void): Session[] {
  try {
    return [readSession(JSON.parse(text))];
  } catch (error) {
    unreadable(key, error instanceof Error ? error.message : String(error));
    return [];
  }
}

function throwFailure(results: Results): void {
  const failure = results.find(isFailure);
  if (failure !== undefined) throw new Error(`Redis: ${failure.message}`);
}
