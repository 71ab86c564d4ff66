/** The user that a connection or a request acts for: what a verified token says, and nothing else. */

export interface Principal {
  /** `''` is the default tenant. Only ever taken from the token. */
  readonly tenant: string;
  readonly user: string;
  readonly roles: readonly string[];
  /** Narrows what the roles allow; `null` when the token does not say. */
  readonly topics: { readonly subscribe: readonly string[]; readonly publish: readonly string[] } | null;
  /** Names and patterns that a connection with this token is subscribed to from the start, as far as its rights go. */
  readonly subscribe?: readonly string[];
  /** `jti`. */
  readonly tokenId: string | undefined;
  /** Milliseconds since 1970; 0 when the token does not say. */
  readonly issuedAt: number;
  /** Milliseconds since 1970; `Infinity` for a token without expiry, where the configuration permits it. */
  readonly expiresAt: number;
  /** Fingerprint of the key that the token was signed with, when it is one of a key set, which may withdraw it. */
  readonly keyId?: string | undefined;
}

/** A user among those of all tenants. `/` cannot occur in a tenant, so the first one ends it, whatever the user is called. */
export function userKey({ tenant, user }: Pick<Principal, 'tenant' | 'user'>): string {
  return `${tenant}/${user}`;
}
