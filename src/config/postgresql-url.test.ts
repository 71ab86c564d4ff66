import { describe, expect, test } from 'vitest';
import { parsePostgresqlUrl } from './postgresql-url.ts';

describe('database.url', () => {
  test('is read into what a client needs', () => {
    expect(parsePostgresqlUrl('postgres://ada:p%40ss:word@db.example/chat')).toEqual({
      host: 'db.example',
      port: 5_432,
      user: 'ada',
      password: 'p@ss:word',
      database: 'chat',
      sslMode: 'disable',
      rootCertificate: undefined,
    });
    expect(
      parsePostgresqlUrl('postgresql://ada@[::1]:6000/chat?sslmode=verify-full&sslrootcert=/ca.pem'),
    ).toMatchObject({
      host: '::1',
      port: 6_000,
      password: undefined,
      sslMode: 'verify-full',
      rootCertificate: '/ca.pem',
    });
    expect(parsePostgresqlUrl('postgresql://ada@/chat?host=/run/postgresql')).toMatchObject({
      host: '/run/postgresql',
    });
  });

  test.each([
    ['mysql://ada@h/chat', 'postgresql://user'],
    ['postgresql://ada@h', 'postgresql://user'],
    ['postgresql://h/chat', 'postgresql://user'],
    ['postgresql://@h/chat', 'a user before the host'],
    ['postgresql://ada@h:0/chat', 'a port from 1 to 65535'],
    ['postgresql://ada@h:99999/chat', 'a port from 1 to 65535'],
    ['postgresql://ada@a,b/chat', 'one host'],
    ['postgresql://ada@[1:2]/chat', 'an IPv6 address in the brackets'],
    ['postgresql://ada:%zz@h/chat', 'every % written as %25'],
    ['postgresql://ada@h/chat?ssl=true', 'no other settings'],
    ['postgresql://ada@h/chat?sslmode=prefer', 'sslmode to be one of'],
    ['postgresql://ada@h/chat?sslmode=require&sslrootcert=/ca.pem', 'sslmode=verify-full beside sslrootcert'],
    ['postgresql://ada@h/chat?host=/run/postgresql', 'either a host before the slash or ?host='],
    ['postgresql://ada:hunter2@h/chat?sslmode=disable&sslmode=require', 'no other settings'],
  ])('%s is refused: what was expected is said, and the URL is not', (url, expected) => {
    const refused = (): unknown => parsePostgresqlUrl(url);
    expect(refused).toThrow(expected);
    expect(refused).not.toThrow('hunter2');
  });
});
