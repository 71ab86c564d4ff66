/** Ids of conversations: UUIDs, the same ones wherever the same pair or space is asked for. */
import { createHash } from 'node:crypto';
import { joinParts } from '../../../protocol/parts.ts';
import type { Random } from '../../../telemetry/clock.ts';

/** In whichever order they are named. */
export function privateId(tenant: string, pair: readonly [string, string]): string {
  return uuidOf('private', tenant, ...pair.toSorted());
}

export function spaceId(tenant: string, space: string): string {
  return uuidOf('space', tenant, space);
}

export function groupId(random: Random): string {
  return uuidOf('group', random.id(), random.id());
}

/** As version 8 of RFC 9562: the bits are a hash of ours. */
function uuidOf(...parts: readonly string[]): string {
  const bytes = createHash('sha256')
    .update(joinParts(...parts))
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
