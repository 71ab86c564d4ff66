/**
 * `GET /admin/secrets?nonce=…`: which secrets a node runs with, as fingerprints for one comparison (auth/fingerprint.ts).
 * The file of a secret may say another one by now than it did when the node started.
 */
import { z } from 'zod';
import { fingerprintOf } from '../auth/fingerprint.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import { schemaRefusal } from '../node/schema-refusal.ts';
import type { AdminRoute } from './admin-access.ts';

export const SECRETS = '/admin/secrets';

/** Made up by the one that asks. */
export const SECRETS_QUERY = z.strictObject({ nonce: z.string().min(16).max(128) });

/** @param secrets by key of the configuration */
export function secretsView(node: string, secrets: ReadonlyMap<string, Uint8Array>): AdminRoute {
  return {
    method: 'GET',
    path: SECRETS,
    handle: ({ query }) => {
      const read = SECRETS_QUERY.safeParse(Object.fromEntries(query));
      if (!read.success) return refusalResponse(schemaRefusal(read.error, 'query'));
      const { nonce } = read.data;
      const listed = [...secrets].map(([key, secret]) => ({ key, fingerprint: fingerprintOf(secret, nonce) }));
      return { status: 200, headers: { 'cache-control': 'no-store' }, body: { node, secrets: listed } };
    },
  };
}
