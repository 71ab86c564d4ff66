/**
 * Names of keys and channels: `<prefix>:<kind>:{<tenant>/<name>}`. The prefix keeps applications apart that share a
 * Redis; the braces put everything of one name into one slot of a cluster. Messages know no databases, so channels of
 * another database than 0 have its number: `<prefix>:<number>:<kind>:{…}`.
 */

const PREFIX = /^[A-Za-z0-9_.-]{1,64}$/;
const KIND = /^[a-z]+$/;

export class Keys {
  readonly prefix: string;
  readonly database: number;
  private readonly channelPrefix: string;

  /** @throws RangeError when the prefix is empty or has characters that mean something in keys or patterns */
  constructor(prefix: string, database: number) {
    if (!PREFIX.test(prefix))
      throw new RangeError(`expected a key prefix of 1 to 64 characters [A-Za-z0-9_.-], got ${JSON.stringify(prefix)}`);
    this.prefix = prefix;
    this.database = database;
    // No number for 0: nodes of the version before hear those of this one.
    this.channelPrefix = database === 0 ? prefix : `${prefix}:${database}`;
  }

  /**
   * @param tenant the empty string for the default one
   * @param name without braces, which would put it into another slot
   */
  key(kind: string, tenant: string, name: string): string {
    return `${this.prefix}:${kind}:{${tenant === '' ? name : `${tenant}/${name}`}}`;
  }

  /** A channel, with the same rules. */
  channel(kind: string, tenant: string, name: string): string {
    return `${this.channelPrefix}:${kind}:{${tenant === '' ? name : `${tenant}/${name}`}}`;
  }

  /** What all keys of a kind begin with. Names follow in braces. */
  start(kind: string): string {
    return start(this.prefix, kind);
  }

  /** What all channels of a kind begin with. */
  channelStart(kind: string): string {
    return start(this.channelPrefix, kind);
  }
}

function start(prefix: string, kind: string): string {
  if (!KIND.test(kind)) throw new RangeError(`expected a kind of letters a-z, got ${JSON.stringify(kind)}`);
  return `${prefix}:${kind}:{`;
}
