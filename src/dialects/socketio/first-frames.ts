/** The frames whose answers a client is let in behind: where it was, and what it is given without asking. */
import { subscribing } from '../../node/welcome.ts';
import type { SubscribeEntry, SubscribeFrame } from '../../protocol/frames.ts';

/** No client chooses ids of these characters. */
export const RECOVERY = '\u0000recovery';
const GIVEN = '\u0000given';

/** What a client hands back of an earlier connection. */
export interface Recovery {
  readonly pid: string;
  readonly entries: readonly SubscribeEntry[];
}

/** Where it was comes first: of what it is given, that goes on already, and the rest begins now. */
export function firstFrames(
  recovery: Recovery | null,
  topics: readonly string[],
): readonly (SubscribeFrame & { readonly id: string })[] {
  const given = subscribing(topics);
  return [
    ...(recovery === null
      ? []
      : [{ type: 'Subscribe', id: RECOVERY, trace: undefined, topics: recovery.entries } as const]),
    ...(given === null ? [] : [{ ...given, id: GIVEN }]),
  ];
}
