/** Passwords: the hash against the vector of RFC 7914, the queue, and what is taken. */
import { expect, test } from 'vitest';
import { hashPassword, isPassword, readPasswordHash } from './password-hash.ts';
import { passwordProblem } from './password-rules.ts';
import { Passwords } from './passwords.ts';

const CHEAP = { log2: 5, parallel: 1 };

test('a hash is scrypt as RFC 7914 has it, in the form that other programs write', async () => {
  const salt = Buffer.from('SodiumChloride').toString('base64').replaceAll('=', '');
  const hash =
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';
  const text = `$scrypt$ln=14,r=8,p=1$${salt}$${Buffer.from(hash, 'hex').toString('base64').replaceAll('=', '')}`;
  const kept = readPasswordHash(text);
  expect(kept).not.toBe(null);
  if (kept === null) return;
  expect(await isPassword('pleaseletmein', kept)).toBe(true);
  expect(await isPassword('pleaseletmeout', kept)).toBe(false);
});

test('a hash is another one each time, and the same password in another normal form matches it', async () => {
  const [one, two] = [await hashPassword('pässwörter', CHEAP), await hashPassword('pässwörter', CHEAP)];
  expect(one).not.toBe(two);
  const kept = readPasswordHash(one);
  expect(kept !== null && (await isPassword('pässwörter'.normalize('NFD'), kept))).toBe(true);
});

test('what is no hash, and one that would take minutes, is not read', () => {
  const rest = `$${'a'.repeat(22)}$${'b'.repeat(43)}`;
  expect(readPasswordHash(`$scrypt$ln=15,r=8,p=3${rest}`)).not.toBe(null);
  for (const text of ['', `$scrypt$ln=31,r=8,p=1${rest}`, `$scrypt$ln=15,r=99,p=1${rest}`, `$2b$10$${rest}`])
    expect(readPasswordHash(text), text).toBe(null);
});

test('a flood of logins: so many at once, so many that wait, and the others are refused at once; the places are free again', async () => {
  const passwords = new Passwords({ ...CHEAP, atOnce: 2, waiting: 3 });
  const answers = Array.from({ length: 8 }, () => passwords.check('password', null));
  expect(passwords.load).toBe(5);
  const done = await Promise.all(answers);
  expect(done.map((it) => it?.isRight ?? 'refused')).toEqual([
    ...Array.from({ length: 5 }, () => false),
    ...Array.from({ length: 3 }, () => 'refused'),
  ]);
  expect(passwords.load).toBe(0);
  const kept = await passwords.hash('password');
  expect(await passwords.check('password', kept)).toEqual({ isRight: true, better: null });
});

test('a broken hash in the table frees its place', async () => {
  const passwords = new Passwords({ ...CHEAP, atOnce: 1, waiting: 0 });
  await expect(passwords.check('password', 'broken')).rejects.toThrow('expected a hash');
  expect(passwords.load).toBe(0);
});

test('passwords that are short, common, of few characters or the own address are not taken', () => {
  const email = 'lovelace@example.com';
  for (const bad of ['short', 'password123', 'QWERTYUIOP', 'abababababab', email, 'Lovelace1815', 'x'.repeat(257)])
    expect(passwordProblem(bad, email, 10), bad).not.toBe(null);
  for (const good of ['correct horse', 'ünïcödé wörds', 'lovelace wrote notes'])
    expect(passwordProblem(good, email, 10), good).toBe(null);
});
