/** The state of a message against a machine of its life: whatever happens, in whichever order, the positions say the same. */
import { describe, expect, test } from 'vitest';
import { receiptsOf, statusOf, type MessageStatus, type Position } from './status.ts';

type Happening = 'confirmed' | 'refused' | 'delivered' | 'read' | 'deleted' | 'older';

/** Of a private conversation: where each thing that happens leads. What is not here changes nothing. */
const MACHINE: Readonly<Record<MessageStatus, Readonly<Partial<Record<Happening, MessageStatus>>>>> = {
  PENDING: { confirmed: 'SENT', refused: 'FAILED' },
  // Tried again under its id, it may still be confirmed.
  FAILED: { confirmed: 'SENT' },
  SENT: { delivered: 'DELIVERED', read: 'READ', deleted: 'DELETED' },
  DELIVERED: { read: 'READ', deleted: 'DELETED' },
  READ: { deleted: 'DELETED' },
  DELETED: {},
};
const HAPPENINGS = ['confirmed', 'refused', 'delivered', 'read', 'deleted', 'older'] as const;
const SEQUENCE = 7;

interface World {
  readonly sequence: number | null;
  readonly isRefused: boolean;
  readonly isDeleted: boolean;
  readonly other: Position;
}

const START: World = { sequence: null, isRefused: false, isDeleted: false, other: { readTo: 2, deliveredTo: 3 } };

/** Positions move forward only, and only what is confirmed is delivered, read or deleted. */
function after(world: World, happening: Happening): World {
  const { sequence, other } = world;
  if (happening === 'confirmed') return { ...world, sequence: SEQUENCE };
  if (sequence === null) return happening === 'refused' ? { ...world, isRefused: true } : world;
  if (happening === 'delivered')
    return { ...world, other: { ...other, deliveredTo: Math.max(other.deliveredTo, SEQUENCE) } };
  if (happening === 'read')
    return { ...world, other: { readTo: SEQUENCE, deliveredTo: Math.max(other.deliveredTo, SEQUENCE) } };
  if (happening === 'deleted') return { ...world, isDeleted: true };
  return world;
}

describe('D-12: the state of a message', () => {
  test('is, on every path of five happenings, what the machine says', () => {
    const seen = new Set<string>();
    const walk = (world: World, status: MessageStatus, left: number): void => {
      const { sequence, isRefused, isDeleted, other } = world;
      expect(statusOf({ sequence, isRefused, isDeleted }, [other])).toBe(status);
      seen.add(status);
      if (left === 0) return;
      for (const happening of HAPPENINGS) walk(after(world, happening), MACHINE[status][happening] ?? status, left - 1);
    };
    walk(START, 'PENDING', 5);
    expect([...seen].toSorted()).toEqual(Object.keys(MACHINE).toSorted());
  });

  test('in a group is that of the slowest, and the counts say how far the others are; alone nothing is delivered', () => {
    const others = [
      { readTo: 9, deliveredTo: 9 },
      { readTo: 5, deliveredTo: 7 },
      { readTo: 0, deliveredTo: 7 },
    ];
    expect(receiptsOf(7, others)).toEqual({ delivered: 3, read: 1, of: 3 });
    expect([5, 7, 8].map((sequence) => statusOf({ sequence }, others))).toEqual(['DELIVERED', 'DELIVERED', 'SENT']);
    expect(statusOf({ sequence: 7 }, [])).toBe('SENT');
    expect(statusOf({ sequence: 0 }, others)).toBe('READ');
  });
});
