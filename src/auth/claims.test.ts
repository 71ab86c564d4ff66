import { describe, expect, test } from 'vitest';
import { readClaims, type ClaimRules } from './claims.ts';

const NOW = 1_790_000_000_000;
const SECONDS = NOW / 1_000;
const RULES: ClaimRules = { issuer: undefined, audience: undefined, leewaySecs: 60, requireExpiry: true };

function read(claims: Readonly<Record<string, unknown>>, rules: Partial<ClaimRules> = {}): unknown {
  return readClaims({ sub: 'ann', exp: SECONDS + 100, ...claims }, { ...RULES, ...rules }, NOW);
}

function refused(claim: string, reason = 'token_invalid'): unknown {
  return expect.objectContaining({ reason, message: expect.stringContaining(claim) as string }) as unknown;
}

describe('the user', () => {
  test('is sub, else user_id', () => {
    expect(read({})).toMatchObject({ user: 'ann' });
    expect(read({ sub: undefined, user_id: 'bob' })).toMatchObject({ user: 'bob' });
    expect(read({ sub: null, user_id: 'bob' })).toMatchObject({ user: 'bob' });
    expect(read({ user_id: 'bob' })).toMatchObject({ user: 'ann' });
    expect(read({ sub: 'x'.repeat(128) })).toMatchObject({ user: 'x'.repeat(128) });
  });

  test.each([[undefined], [''], [5], [true], [['ann']], [{ id: 'ann' }], ['x'.repeat(129)], ['a\0'], ['a\ud800']])(
    'is not %j',
    (sub) => {
      expect(read({ sub })).toEqual(refused('sub'));
    },
  );
});

describe('times', () => {
  test('the leeway counts on both sides', () => {
    expect(read({ exp: SECONDS - 60 })).toEqual(refused('expired', 'token_expired'));
    expect(read({ exp: SECONDS - 59 })).toMatchObject({ expiresAt: NOW - 59_000 });
    expect(read({ nbf: SECONDS + 60 })).toMatchObject({ user: 'ann' });
    expect(read({ nbf: SECONDS + 61 })).toEqual(refused('nbf'));
    expect(read({ exp: SECONDS }, { leewaySecs: 0 })).toEqual(refused('expired', 'token_expired'));
    expect(read({ exp: SECONDS + 1 }, { leewaySecs: 0 })).toMatchObject({ user: 'ann' });
  });

  test.each(['exp', 'nbf', 'iat'])('%s has to be a finite number', (name) => {
    const huge = JSON.parse('1e999') as unknown;
    for (const value of [
      huge,
      1e306,
      8_640_000_000_001,
      -Infinity,
      NaN,
      String(SECONDS + 100),
      null,
      true,
      [SECONDS + 100],
      {},
    ]) {
      expect(read({ [name]: value })).toEqual(refused(name));
      expect(read({ [name]: value }, { requireExpiry: false })).toEqual(refused(name));
    }
  });

  test('an expiry is required unless configured otherwise', () => {
    expect(read({ exp: undefined })).toEqual(refused('exp'));
    expect(read({ exp: undefined }, { requireExpiry: false })).toMatchObject({ expiresAt: Infinity });
  });

  test('the time of issue is taken over, and may lie in the future', () => {
    expect(read({})).toMatchObject({ issuedAt: 0 });
    expect(read({ iat: SECONDS + 1_000 })).toMatchObject({ issuedAt: NOW + 1_000_000 });
  });
});

describe('the parties', () => {
  test('nobody asks for them unless they are configured', () => {
    expect(read({ iss: 5, aud: {} })).toMatchObject({ user: 'ann' });
  });

  test('the issuer has to be the configured one', () => {
    expect(read({ iss: 'us' }, { issuer: 'us' })).toMatchObject({ user: 'ann' });
    for (const iss of [undefined, null, 'them', '', 'US', ['us'], 5]) {
      expect(read({ iss }, { issuer: 'us' })).toEqual(refused('iss'));
    }
  });

  test('the audience has to be the configured one, or name it among others', () => {
    for (const aud of ['chat', ['chat'], ['mail', 'chat'], [5, 'chat']]) {
      expect(read({ aud }, { audience: 'chat' })).toMatchObject({ user: 'ann' });
    }
    for (const aud of [undefined, null, 'mail', 'chatter', [], ['mail'], [['chat']], { chat: true }]) {
      expect(read({ aud }, { audience: 'chat' })).toEqual(refused('aud'));
    }
  });
});

describe('roles', () => {
  test('are a list of at most 32 strings', () => {
    const many = Array.from({ length: 32 }, (_, at) => `role-${at}`);
    expect(read({})).toMatchObject({ roles: [] });
    expect(read({ roles: many })).toMatchObject({ roles: many });
    for (const roles of ['admin', [5], [['admin']], { 0: 'admin', length: 1 }, null, [...many, 'more']]) {
      expect(read({ roles })).toEqual(refused('roles'));
    }
  });
});

describe('the tenant', () => {
  test('is the default one unless the token names another', () => {
    expect(read({})).toMatchObject({ tenant: '' });
    expect(read({ tenant: 'acme' })).toMatchObject({ tenant: 'acme' });
  });

  test('W-26: is named by tenant or tenant_id, and two that differ are none', () => {
    expect(read({ tenant_id: 'acme' })).toMatchObject({ tenant: 'acme' });
    expect(read({ tenant_id: 'acme', tenant: 'acme' })).toMatchObject({ tenant: 'acme' });
    expect(read({ tenant_id: 'acme', tenant: 'globex' })).toEqual(refused('tenant'));
    for (const wrong of ['a/b', 5, null, ['acme']]) {
      expect(read({ tenant_id: wrong })).toEqual(refused('tenant'));
      expect(read({ tenant_id: wrong, tenant: 'acme' })).toEqual(refused('tenant'));
    }
  });

  test.each([['a/b'], ['a.b'], ['@a'], ['*'], [' '], ['x'.repeat(65)], [5], [null], [['acme']]])(
    'is not %j',
    (tenant) => {
      expect(read({ tenant })).toEqual(refused('tenant'));
    },
  );
});

test('the id of a token is text of at most 128 characters', () => {
  expect(read({})).toMatchObject({ tokenId: undefined });
  expect(read({ jti: 'x'.repeat(128) })).toMatchObject({ tokenId: 'x'.repeat(128) });
  for (const jti of [5, null, ['a'], 'x'.repeat(129)]) expect(read({ jti })).toEqual(refused('jti'));
});

describe('topics', () => {
  test('that the token does not mention narrow nothing, an empty claim narrows to nothing', () => {
    expect(read({})).toMatchObject({ topics: null });
    expect(read({ topics: {} })).toMatchObject({ topics: { subscribe: [], publish: [] } });
    expect(read({ topics: { publish: ['a.*'] } })).toMatchObject({ topics: { subscribe: [], publish: ['a.*'] } });
  });

  test('are at most 100 names or patterns each', () => {
    const many = Array.from({ length: 100 }, (_, at) => `t${at}.**`);
    expect(read({ topics: { subscribe: many } })).toMatchObject({ topics: { subscribe: many, publish: [] } });
    expect(read({ topics: { subscribe: [...many, 'more'] } })).toEqual(refused('topics'));
  });

  test.each<[unknown]>([
    [null],
    ['chat.**'],
    [['chat.**']],
    [{ subscribe: 'chat.**' }],
    [{ publish: null }],
    [{ subscribe: [5] }],
    [{ subscribe: ['**'] }],
    [{ subscribe: ['*.a'] }],
    [{ publish: ['a.**.b'] }],
    [{ publish: ['a b'] }],
    [{ publish: [''] }],
    [{ subscribe: ['@user.YQ'] }],
    [{ subscribe: ['other/chat.**'] }],
  ])('are not %j', (topics) => {
    expect(read({ topics })).toEqual(refused('topics'));
  });
});

describe('subscribe', () => {
  test('is what a client may name, at most 100 of it, and nothing when the token does not say', () => {
    expect(read({})).not.toHaveProperty('subscribe');
    const names = ['chat.lobby', 'chat.**', '@me', '@presence.chat.lobby'];
    expect(read({ subscribe: names })).toMatchObject({ subscribe: names });
    const many = Array.from({ length: 100 }, (_, at) => `t${at}`);
    expect(read({ subscribe: many })).toMatchObject({ subscribe: many });
    expect(read({ subscribe: [...many, 'more'] })).toEqual(refused('subscribe'));
  });

  test.each<[unknown]>([
    [null],
    ['chat.lobby'],
    [{}],
    [[5]],
    [['']],
    [['a b']],
    [['**']],
    [['@user.YQ']],
    [['@presence.']],
    [['other/chat']],
  ])('is not %j', (subscribe) => {
    expect(read({ subscribe })).toEqual(refused('subscribe'));
  });
});
