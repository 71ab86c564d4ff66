/**
 * A published key set (RFC 7517) that changes as its owner rotates keys. An unknown key id causes one fetch, and no
 * more than one per interval, however many tokens name however many; keys that were known stay usable while the set
 * cannot be fetched.
 */
import { quote } from '../protocol/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { redactUrls } from '../telemetry/redact.ts';
import { publicKeyFromJwk, type VerificationKey } from './verification-key.ts';

/** Gets the document behind a URL, parsed. */
export type FetchDocument = (url: string) => Promise<unknown>;

export interface KeySetOptions {
  readonly url: string;
  /** Between two fetches at least, in ms. */
  readonly minIntervalMs: number;
  /** After this a set is fetched again when it is next needed, in ms. */
  readonly maxAgeMs: number;
}

/** Keys of one set: more are ignored. */
const MAX_KEYS = 100;
/** Characters of why a key was left out. */
const MAX_REASON = 200;

export class KeySet {
  private keys: readonly VerificationKey[] = [];
  private ids: ReadonlySet<string> = new Set();
  /** What was left out of the last set. */
  private leftOut: ReadonlySet<string> = new Set();
  private triedAt = -Infinity;
  private fetchedAt = -Infinity;
  private waiting: (() => void)[] | null = null;
  private readonly options: KeySetOptions;
  private readonly fetchDocument: FetchDocument;
  private readonly clock: Clock;
  private readonly log: Log;

  constructor(options: KeySetOptions, fetchDocument: FetchDocument, clock: Clock, log: Log) {
    this.options = options;
    this.fetchDocument = fetchDocument;
    this.clock = clock;
    this.log = log;
  }

  private get shownUrl(): string {
    return redactUrls(this.options.url);
  }

  /** Keys as last fetched. */
  get known(): readonly VerificationKey[] {
    return this.keys;
  }

  /** Whether a key is still published, by its {@link VerificationKey.id}. */
  has(id: string): boolean {
    return this.ids.has(id);
  }

  /** Whether a fetch could help a token with this key id, now. */
  mayHelp(kid: string | undefined): boolean {
    const now = this.clock.elapsed();
    const isKnown = this.keys.some((key) => kid === undefined || key.kid === kid);
    if (isKnown && !this.isOld()) return false;
    return this.waiting !== null || now - this.triedAt >= this.options.minIntervalMs;
  }

  /** Whether the set was fetched so long ago that its owner may have withdrawn a key, and may be fetched now. */
  isOld(): boolean {
    const now = this.clock.elapsed();
    const { maxAgeMs, minIntervalMs } = this.options;
    return now - this.fetchedAt > maxAgeMs && now - this.triedAt >= minIntervalMs;
  }

  /** Fetches the set, once for all who ask meanwhile, and calls back whether or not that worked. */
  refresh(done: () => void): void {
    if (this.waiting !== null) {
      this.waiting.push(done);
      return;
    }
    this.waiting = [done];
    this.triedAt = this.clock.elapsed();
    this.fetchDocument(this.options.url)
      .then(
        (document) => this.fetched(document),
        (error: unknown) =>
          this.log.warn('Key set not fetched; known keys stay in use', {
            url: this.shownUrl,
            error: redactUrls(error instanceof Error ? error.message : String(error)),
          }),
      )
      .finally(() => {
        const waiting = this.waiting ?? [];
        this.waiting = null;
        for (const call of waiting) call();
      });
  }

  private fetched(document: unknown): void {
    const list = typeof document === 'object' && document !== null ? (document as { keys?: unknown }).keys : undefined;
    if (!Array.isArray(list)) {
      this.log.warn('Key set not understood: expected {"keys": […]}', { url: this.shownUrl });
      return;
    }
    this.fetchedAt = this.clock.elapsed();
    // Replaced as a whole: a key that its owner has withdrawn must not be accepted any longer.
    const leftOut = new Set<string>();
    this.keys = list.slice(0, MAX_KEYS).flatMap((jwk: unknown) => this.read(jwk, leftOut));
    this.leftOut = leftOut;
    this.ids = new Set(this.keys.flatMap(({ id }) => id ?? []));
    this.log.info('Key set fetched', { url: this.shownUrl, keys: this.keys.length });
  }

  /**
   * Symmetric keys and those of unknown kinds are not for us; the log says which and why, when they are new in the set.
   * @param leftOut what is left out of this set, in words
   */
  private read(jwk: unknown, leftOut: Set<string>): VerificationKey[] {
    if (typeof jwk !== 'object' || jwk === null) return [];
    const { kid, use } = jwk as { kid?: unknown; use?: unknown };
    // Every provider that encrypts has one beside the others: nothing is wrong with it.
    if (use === 'enc') return [];
    try {
      if (kid !== undefined && typeof kid !== 'string') throw new Error('expected "kid" to be text');
      return [publicKeyFromJwk('jwks_url', jwk as Parameters<typeof publicKeyFromJwk>[1])];
    } catch (error) {
      const fields = {
        ...(kid !== undefined && { kid: quote(typeof kid === 'string' ? kid : JSON.stringify(kid)) }),
        error: error instanceof Error ? error.message.slice(0, MAX_REASON) : String(error),
      };
      const known = JSON.stringify(fields);
      if (!this.leftOut.has(known)) this.log.warn('Key of the key set left out', fields);
      leftOut.add(known);
      return [];
    }
  }
}
