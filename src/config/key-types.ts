/** What the values of configuration keys may be, where several keys have the same. */
import { z } from 'zod';

export const LEVELS =
  /^(?:[a-z][a-z0-9-]*=)?(?:trace|debug|info|warn|error)(?:,(?:[a-z][a-z0-9-]*=)?(?:trace|debug|info|warn|error))*$/;

export const ALGORITHMS = [
  ...(['HS256', 'HS384', 'HS512'] as const),
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
] as const;

const ROLES = ['user', 'service', 'admin'];

/** Whole seconds; at most what a timer can wait. */
export const seconds = (fallback: number, min = 1) => z.int().min(min).max(2_147_483).default(fallback);
export const count = (fallback: number, min = 1, max = 1_000_000_000) => z.int().min(min).max(max).default(fallback);
export const perSecond = (fallback: number) => z.number().positive().max(1_000_000_000).default(fallback);
export const flag = (fallback: boolean) => z.boolean().default(fallback);
export const roles = () => z.array(z.string().min(1)).default([...ROLES]);
/** What a secret is taken for: a key of any bytes, a token that travels in a header, or text with a form of its own. */
export type SecretKind = 'key' | 'token' | 'text';
/** What the path of a URL is: an address, or a secret as in the URLs of webhooks. */
export type UrlPaths = 'address' | 'secret';
export const urlWith = (urlPaths: UrlPaths) => z.url().optional().meta({ urlPaths });
export const secret = (kind: SecretKind) => z.string().min(1).optional().meta({ secret: kind });
