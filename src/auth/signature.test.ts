import { isRefusal } from '../protocol/errors.ts';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { base64url, SECRET, signature, signToken } from '../../test/kit/tokens.ts';
import { matchKey, noKeyMatches, readToken } from './signature.ts';
import { secretKey, type VerificationKey } from './verification-key.ts';

const OTHER = new TextEncoder().encode('another secret that is long enough for anything here');
const KEYS: readonly VerificationKey[] = [secretKey('new', SECRET), secretKey('old', OTHER)];
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const CLAIMS = { sub: 'ann', exp: 5 };

function verify(token: string, algorithms: readonly string[] = ['HS256', 'HS384', 'HS512']): unknown {
  const read = readToken(token, algorithms);
  const result = isRefusal(read) ? read : (matchKey(read, KEYS) ?? noKeyMatches());
  return isRefusal(result) ? result.reason : result;
}

describe('a good token', () => {
  test.each([
    ['HS256', 'sha256'],
    ['HS384', 'sha384'],
    ['HS512', 'sha512'],
  ] as const)('of %s gives its claims and the name of its key', (alg, hash) => {
    const token = signToken({ header: { alg }, claims: CLAIMS, hash });
    expect(verify(token)).toEqual({ claims: CLAIMS, key: 'new' });
    expect(verify(token, [alg])).toEqual({ claims: CLAIMS, key: 'new' });
  });

  test.each([
    ['HS256', 'sha256'],
    ['HS384', 'sha384'],
    ['HS512', 'sha512'],
  ] as const)('of %s is one by the bytes of its signature, whatever stands in the bits behind them', (alg, hash) => {
    const token = signToken({ header: { alg }, claims: CLAIMS, hash });
    const [front, last] = [token.slice(0, -1), token.at(-1) ?? ''];
    const bytes = (text: string): Buffer => Buffer.from(text.slice(text.lastIndexOf('.') + 1), 'base64url');
    for (const character of BASE64URL) {
      const other = `${front}${character}`;
      const isSame = bytes(other).equals(bytes(token));
      expect(verify(other)).toEqual(isSame ? { claims: CLAIMS, key: 'new' } : 'token_invalid');
      expect(verify(`${front}${last}${character}`)).toBe('token_invalid');
    }
    expect(verify(front)).toBe('token_invalid');
  });

  test('may be signed with any of the keys', () => {
    expect(verify(signToken({ claims: CLAIMS, secret: OTHER }))).toEqual({ claims: CLAIMS, key: 'old' });
  });

  test('needs no typ', () => {
    expect(verify(signToken({ header: { alg: 'HS256' }, claims: CLAIMS }))).toMatchObject({ key: 'new' });
  });

  test('chooses nothing by kid, jku, x5u or jwk, which a stranger can write too', () => {
    const jwk = { kty: 'oct', k: base64url('attacker') };
    const header = { alg: 'HS256', kid: '../../dev/null', jku: 'https://evil/', x5u: 'https://evil/', x5c: ['a'], jwk };
    expect(verify(signToken({ header, claims: CLAIMS }))).toEqual({ claims: CLAIMS, key: 'new' });
    const attacker = new TextEncoder().encode('attacker');
    expect(verify(signToken({ header, claims: CLAIMS, secret: attacker }))).toBe('token_invalid');
    expect(verify(signToken({ header: { ...header, kid: 'old' }, claims: CLAIMS, secret: OTHER }))).toMatchObject({
      key: 'old',
    });
  });
});

describe('the algorithm', () => {
  test.each(['none', 'None', 'NONE', 'nOnE', '', 'hs256', 'HS256 ', 'HS1', 'RS256', 'ES256', 'sha256', '__proto__'])(
    '%j is never accepted, signed or not',
    (alg) => {
      const signed = signToken({ header: { alg }, claims: CLAIMS });
      const unsigned = `${signed.slice(0, signed.lastIndexOf('.'))}.`;
      for (const algorithms of [['HS256'], ['HS256', alg], [alg]]) {
        expect(verify(signed, algorithms)).toBe('token_invalid');
        expect(verify(unsigned, algorithms)).toBe('token_invalid');
      }
    },
  );

  test.each([[undefined], [null], [256], [true], [['HS256']], [{ alg: 'HS256' }]])('%j is no algorithm', (alg) => {
    expect(verify(signToken({ header: { alg }, claims: CLAIMS }))).toBe('token_invalid');
  });

  test('has to be one that is configured, however good the signature is', () => {
    const token = signToken({ header: { alg: 'HS512' }, claims: CLAIMS, hash: 'sha512' });
    expect(verify(token, ['HS256', 'HS384'])).toBe('token_invalid');
    expect(verify(token, [])).toBe('token_invalid');
  });

  test('of the header has to be the one of the signature', () => {
    for (const alg of ['HS384', 'HS512']) {
      expect(verify(signToken({ header: { alg }, claims: CLAIMS, hash: 'sha256' }))).toBe('token_invalid');
    }
    expect(verify(signToken({ header: { alg: 'HS256' }, claims: CLAIMS, hash: 'sha512' }))).toBe('token_invalid');
  });

  test('of a public key is refused, with its own signature and with an HMAC by the public key', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    const input = signToken({ header: { alg: 'RS256' }, claims: CLAIMS })
      .split('.')
      .slice(0, 2)
      .join('.');
    const rsa = sign('sha256', Buffer.from(input), privateKey).toString('base64url');
    expect(verify(`${input}.${rsa}`, ['HS256', 'RS256'])).toBe('token_invalid');
    const confused = signToken({ header: { alg: 'RS256' }, claims: CLAIMS, secret: Buffer.from(pem) });
    expect(verify(confused, ['HS256', 'RS256'])).toBe('token_invalid');
  });
});

test.each([[['exp']], [['b64']], [[]], ['exp'], [null], [{}], [false]])('a token with crit %j is refused', (crit) => {
  const header = { alg: 'HS256', crit, b64: true, exp: 1 };
  expect(verify(signToken({ header, claims: CLAIMS }))).toBe('token_invalid');
});

describe('the form', () => {
  const good = signToken({ claims: CLAIMS });
  const [header = '', payload = '', mac = ''] = good.split('.');

  test.each([
    ['nothing', ''],
    ['one part', header],
    ['two parts', `${header}.${payload}`],
    ['two parts and a dot', `${header}.${payload}.`],
    ['four parts', `${good}.${mac}`],
    ['four parts, the last one empty', `${good}.`],
    ['five parts, as if it were encrypted', `${header}.${payload}.${mac}.${mac}.${mac}`],
    ['dots only', '..'],
    ['an empty header', `.${payload}.${mac}`],
    ['an empty payload', `${header}..${mac}`],
    ['a space before', ` ${good}`],
    ['a line break after', `${good}\n`],
    ['a line break within', `${header}.${payload}.\n${mac}`],
    ['padding', `${header}.${payload}.${mac}=`],
    ['a plus', `${header}.${payload}.+${mac.slice(1)}`],
    ['a slash', `${header}.${payload}./${mac.slice(1)}`],
    ['a character that is not ASCII', `${header}.${payload}.é${mac.slice(1)}`],
    ['a NUL', `${header}.${payload}.${mac}\0`],
    ['a scheme', `Bearer ${good}`],
  ])('with %s is refused', (_name, token) => {
    expect(verify(good)).toMatchObject({ key: 'new' });
    expect(verify(token)).toBe('token_invalid');
  });

  test('with a signature that is cut, or with more behind it, is refused', () => {
    for (let length = 1; length < mac.length; length += 1) {
      expect(verify(`${header}.${payload}.${mac.slice(0, length)}`)).toBe('token_invalid');
    }
    for (const more of ['A', 'AA', 'AAA', 'AAAA', mac]) {
      expect(verify(`${good}${more}`)).toBe('token_invalid');
    }
  });

  test.each(['[]', '"text"', 'null', '5', 'true', '', '{', '{"sub":"a"', '[{"sub":"a"}]', "{'sub':'a'}"])(
    'with the payload %s is refused although the signature is good',
    (claims) => {
      expect(verify(signToken({ claims }))).toBe('token_invalid');
    },
  );

  test.each(['[]', '"HS256"', 'null', '{', '{"alg":"HS256"', '[{"alg":"HS256"}]'])(
    'with the header %s is refused although the signature is good',
    (head) => {
      expect(verify(signToken({ header: head, claims: CLAIMS }))).toBe('token_invalid');
    },
  );

  test('a key __proto__ in the header or the claims sets nothing', () => {
    const inherited = '{"__proto__":{"alg":"HS256"}}';
    expect(verify(signToken({ header: inherited, claims: CLAIMS }))).toBe('token_invalid');
    const result = verify(signToken({ claims: '{"__proto__":{"sub":"root"}}' })) as { claims: Record<string, unknown> };
    expect(result.claims['sub']).toBeUndefined();
  });
});

test('a signature of another text is refused', () => {
  const [header = '', payload = ''] = signToken({ claims: CLAIMS }).split('.');
  const other = base64url(JSON.stringify({ sub: 'root' }));
  expect(verify(`${header}.${other}.${signature(`${header}.${payload}`)}`)).toBe('token_invalid');
});

test('without keys nothing is accepted', () => {
  const read = readToken(signToken({ claims: CLAIMS }), ['HS256']);
  expect(isRefusal(read) ? read : matchKey(read, [])).toBeNull();
});
