import { exportJWK, generateKeyPair, SignJWT, type JWK, type CryptoKey } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { Authenticator } from './authenticator.ts';
import { KeySet } from './key-set.ts';
import type { Principal } from './principal.ts';

interface Signer {
  readonly kid: string;
  readonly jwk: JWK;
  readonly privateKey: CryptoKey;
}

const signers: Signer[] = [];

beforeAll(async () => {
  for (const kid of ['one', 'two', 'three']) {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    signers.push({ kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' } });
  }
});

/** An issuer whose answers the test gives, and an authenticator that trusts its key set. */
class Issuer {
  readonly clock = new VirtualClock();
  readonly warnings: unknown[] = [];
  readonly asked: { resolve: (document: unknown) => void; reject: (error: Error) => void }[] = [];
  readonly keySet = new KeySet(
    { url: 'https://issuer.test/keys', minIntervalMs: 30_000, maxAgeMs: 600_000 },
    () => new Promise((resolve, reject) => void this.asked.push({ resolve, reject })),
    this.clock,
    { ...silentLog, warn: (message, fields) => void this.warnings.push({ message, ...fields }) },
  );
  readonly authenticator = new Authenticator(
    {
      keys: [],
      keySet: this.keySet,
      algorithms: ['ES256'],
      issuer: undefined,
      audience: undefined,
      leewaySecs: 60,
      requireExpiry: true,
      cacheSize: 100,
    },
    this.clock,
  );

  token(signer: number, kid: string | null = signers[signer]?.kid ?? null): Promise<string> {
    const { privateKey } = signers[signer] as Signer;
    return new SignJWT({ sub: 'ann', n: Math.floor(this.clock.now()) })
      .setProtectedHeader({ alg: 'ES256', ...(kid !== null && { kid }) })
      .setExpirationTime(Math.floor(this.clock.now() / 1_000) + 7_200)
      .sign(privateKey);
  }

  verify(token: string): Promise<Principal | Refusal> {
    return new Promise((resolve) => this.authenticator.verify(token, resolve));
  }

  /** Answers the fetch that is under way. */
  publishes(...indices: number[]): void {
    this.asked.shift()?.resolve({ keys: indices.map((index) => signers[index]?.jwk) });
  }
}

async function reasonOf(answer: Promise<Principal | Refusal>): Promise<string> {
  const settled = await answer;
  return isRefusal(settled) ? settled.reason : settled.user;
}

describe('a key set', () => {
  test('is fetched when the first token needs it, once for all who wait', async () => {
    const issuer = new Issuer();
    const answers = [await issuer.token(0), await issuer.token(0), await issuer.token(1)].map((token) =>
      reasonOf(issuer.verify(token)),
    );
    expect(issuer.asked).toHaveLength(1);
    issuer.publishes(0, 1);
    expect(await Promise.all(answers)).toEqual(['ann', 'ann', 'ann']);
    expect(await reasonOf(issuer.verify(await issuer.token(1)))).toBe('ann');
    expect(issuer.asked).toHaveLength(0);
  });

  test('is fetched again for an unknown key id after a rotation, but not more than once per interval', async () => {
    const issuer = new Issuer();
    const first = issuer.verify(await issuer.token(0));
    issuer.publishes(0);
    await first;
    // Strangers name any number of key ids: no fetch within the interval.
    for (let n = 0; n < 50; n += 1)
      expect(await reasonOf(issuer.verify(await issuer.token(2, `made-up-${n}`)))).toBe('token_invalid');
    expect(issuer.asked).toHaveLength(0);
    issuer.clock.advance(30_000);
    const rotated = reasonOf(issuer.verify(await issuer.token(1)));
    expect(issuer.asked).toHaveLength(1);
    issuer.publishes(0, 1);
    expect(await rotated).toBe('ann');
  });

  test('drops a key that its owner has withdrawn, once the set is old', async () => {
    const issuer = new Issuer();
    const first = issuer.verify(await issuer.token(0));
    issuer.publishes(0, 1);
    await first;
    issuer.clock.advance(600_001);
    // The known key still answers at once; the set is fetched beside it.
    expect(await reasonOf(issuer.verify(await issuer.token(0)))).toBe('ann');
    expect(issuer.asked).toHaveLength(1);
    issuer.publishes(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await reasonOf(issuer.verify(await issuer.token(0)))).toBe('token_invalid');
    expect(await reasonOf(issuer.verify(await issuer.token(1)))).toBe('ann');
  });

  test('ends, with a key that was withdrawn, the tokens that were seen before and their connections', async () => {
    const issuer = new Issuer();
    const [one, two] = [await issuer.token(0), await issuer.token(1)];
    const first = issuer.verify(one);
    issuer.publishes(0, 1);
    const principal = await first;
    const other = await issuer.verify(two);
    if ('reason' in principal || 'reason' in other) throw new Error('expected good tokens');
    issuer.authenticator.beat();
    expect(issuer.asked).toHaveLength(0);
    issuer.clock.advance(600_001);
    // The age of the set is looked at by the node's beat, and by tokens that were seen before.
    issuer.authenticator.beat();
    expect(await reasonOf(issuer.verify(one))).toBe('ann');
    expect(issuer.asked).toHaveLength(1);
    issuer.publishes(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(issuer.authenticator.problem(principal)).toMatchObject({ reason: 'token_revoked' });
    expect(await reasonOf(issuer.verify(one))).toBe('token_invalid');
    expect(issuer.authenticator.problem(other)).toBeNull();
    expect(await reasonOf(issuer.verify(two))).toBe('ann');
  });

  test.each([
    ['cannot be fetched', (issuer: Issuer) => issuer.asked.shift()?.reject(new Error('no route'))],
    ['is not a key set', (issuer: Issuer) => issuer.asked.shift()?.resolve('<html>')],
  ] as const)('that %s leaves the known keys in use and refuses unknown ones', async (_name, answer) => {
    const issuer = new Issuer();
    const first = issuer.verify(await issuer.token(0));
    issuer.publishes(0);
    await first;
    issuer.clock.advance(30_000);
    const unknown = reasonOf(issuer.verify(await issuer.token(1)));
    answer(issuer);
    expect(await unknown).toBe('token_invalid');
    expect(await reasonOf(issuer.verify(await issuer.token(0)))).toBe('ann');
  });

  test('takes a token without a key id, and refuses one whose id names another key', async () => {
    const issuer = new Issuer();
    const first = issuer.verify(await issuer.token(0));
    issuer.publishes(0, 1, 2);
    await first;
    expect(await reasonOf(issuer.verify(await issuer.token(2, null)))).toBe('ann');
    expect(await reasonOf(issuer.verify(await issuer.token(2, 'one')))).toBe('token_invalid');
  });

  test('leaves out keys for encryption, shared secrets and those it does not understand', async () => {
    const issuer = new Issuer();
    const answer = reasonOf(issuer.verify(await issuer.token(0)));
    const [good] = signers;
    const keys = [null, 'x', { kty: 'oct', k: 'c2VjcmV0', kid: 'one' }, { kty: 'RSA' }, { ...good?.jwk, use: 'enc' }];
    issuer.asked.shift()?.resolve({ keys });
    expect(await answer).toBe('token_invalid');
    expect(issuer.keySet.known).toHaveLength(0);
  });
});

describe('what is left out of a key set', () => {
  /** Fetches the set anew, with these keys beside a good one. */
  async function fetchWith(issuer: Issuer, ...jwks: readonly unknown[]): Promise<unknown[]> {
    issuer.clock.advance(700_000);
    const answer = issuer.verify(await issuer.token(0, `unknown-${issuer.clock.now()}`));
    issuer.asked.shift()?.resolve({ keys: [...jwks, signers[0]?.jwk] });
    await answer;
    return issuer.warnings.splice(0);
  }

  test('is logged with its id and why, once as long as it stays', async () => {
    const issuer = new Issuer();
    const shared = { kty: 'oct', k: 'c2VjcmV0', kid: 'shared' };
    const wrong = { ...signers[1]?.jwk, use: 'enclosure' };
    const lines = await fetchWith(issuer, shared, wrong);
    expect(lines).toMatchObject([
      { message: 'Key of the key set left out', kid: '"shared"', error: expect.any(String) as string },
      { message: 'Key of the key set left out', kid: '"two"', error: 'expected "use": "sig", got "enclosure"' },
    ]);
    expect(JSON.stringify(lines)).not.toContain('c2VjcmV0');
    expect(await fetchWith(issuer, shared, wrong)).toEqual([]);
    // Another reason, and one that had gone, are news.
    expect(await fetchWith(issuer, { ...wrong, use: 'x' })).toHaveLength(1);
    expect(await fetchWith(issuer, shared)).toHaveLength(1);
    expect(await reasonOf(issuer.verify(await issuer.token(0)))).toBe('ann');
  });

  test('does not count keys for encryption, of whatever kind', async () => {
    const rsa = await generateKeyPair('RSA-OAEP', { extractable: true });
    const ecdh = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true });
    const jwks = [{ ...signers[1]?.jwk, use: 'enc' }];
    for (const { publicKey } of [rsa, ecdh]) jwks.push({ ...(await exportJWK(publicKey)), use: 'enc', kid: 'e' });
    expect(await fetchWith(new Issuer(), ...jwks)).toEqual([]);
  });

  test.each([
    ['k'.repeat(100_000), 50],
    ['a\u0000\u001b[31m\u0085\u2028\u202e\u200bb\r\n', 100],
    ['\ud800', 20],
    [{ deep: 'x'.repeat(100_000) }, 60],
    [['\u202e'], 30],
    [7, 10],
  ])('is named by an id that is short and shows (%#)', async (kid, most) => {
    const [line] = (await fetchWith(new Issuer(), { kty: 'oct', k: 'eA', kid })) as [{ kid: string }];
    expect(line.kid.length).toBeLessThan(most);
    expect(line.kid).toMatch(/^[ -~…]+$/);
  });
});
