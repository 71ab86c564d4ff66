/** What the routes answer with, for the OpenAPI document. */
import type { Zod } from '../vocabulary.ts';

export function profileOf(z: Zod) {
  return z.object({
    id: z.string(),
    displayName: z.string(),
    avatar: z.string().nullable(),
    bio: z.string().nullable(),
  });
}

export function own(z: Zod) {
  return profileOf(z).extend({
    email: z.string(),
    roles: z.array(z.string()),
    isActive: z.boolean(),
    createdAt: z.iso.datetime(),
  });
}

export function session(z: Zod) {
  return z.object({ user: own(z), token: z.string(), refreshToken: z.string(), expiresAt: z.iso.datetime() });
}
