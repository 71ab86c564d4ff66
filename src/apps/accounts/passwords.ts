/** Hashes passwords, a few at once: a flood of logins waits here, and takes neither the event loop nor all of its threads. */
import { hashPassword, isOutdated, isPassword, readPasswordHash, type ScryptCost } from './password-hash.ts';

export interface PasswordLimits extends ScryptCost {
  readonly atOnce: number;
  readonly waiting: number;
}

export interface Checked {
  readonly isRight: boolean;
  /** A hash with the cost of today, to be kept instead. */
  readonly better: string | null;
}

export class Passwords {
  private readonly limits: PasswordLimits;
  private readonly waiting: (() => void)[] = [];
  private underWay = 0;
  /** What passwords of nobody are held against, so that they take as long as those of somebody. */
  private nobody: Promise<string> | null = null;

  constructor(limits: PasswordLimits) {
    this.limits = limits;
  }

  /** Passwords that are being hashed, and those that wait. */
  get load(): number {
    return this.underWay + this.waiting.length;
  }

  /** @returns `null` when too many wait */
  hash(password: string): Promise<string | null> {
    return this.turn(() => hashPassword(password, this.limits));
  }

  /**
   * @param kept the hash of the account; `null` when there is no account, or it has none
   * @returns `null` when too many wait
   */
  check(password: string, kept: string | null): Promise<Checked | null> {
    return this.turn(async () => {
      const read = readPasswordHash(kept ?? (await this.ofNobody()));
      if (read === null) throw new Error('expected a hash of scrypt in the table of users');
      const isSame = await isPassword(password, read);
      const isRight = isSame && kept !== null;
      const better = isRight && isOutdated(read, this.limits) ? await hashPassword(password, this.limits) : null;
      return { isRight, better };
    });
  }

  /** Made before the first login: otherwise the first one of nobody would take twice as long. */
  async prepare(): Promise<void> {
    await this.ofNobody();
  }

  private ofNobody(): Promise<string> {
    this.nobody ??= hashPassword(crypto.randomUUID(), this.limits);
    return this.nobody;
  }

  private async turn<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.underWay < this.limits.atOnce) this.underWay += 1;
    else if (this.waiting.length >= this.limits.waiting) return null;
    // A login that ends hands its place on.
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.underWay -= 1;
      else next();
    }
  }
}
