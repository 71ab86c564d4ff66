import { SignJWT } from 'jose';
import { BENCH_SECRET } from './server-process.ts';

/** A token of a user that may do everything that users may. */
export function benchToken(user: string): Promise<string> {
  return new SignJWT({ roles: ['user'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(BENCH_SECRET));
}
