import { expect, test } from 'vitest';
import type { FrameHandler } from './context.ts';
import { frameHandlerOf } from './frame-handlers.ts';

test('a type that is taken comes first, then the longest beginning', () => {
  const handlerNamed = (name: string) => ({ name }) as unknown as FrameHandler;
  const handlers = new Map(
    ['X-*', 'X-Shop-*', 'X-Shop-Cart-*', 'X-Shop-Order'].map((type) => [type, handlerNamed(type)]),
  );
  const found = (type: string): unknown => (frameHandlerOf(handlers, type) as { name?: string } | undefined)?.name;
  expect(found('X-Shop-Order')).toBe('X-Shop-Order');
  expect(found('X-Shop-Cart-Add-Now')).toBe('X-Shop-Cart-*');
  expect(found('X-Shop-Other')).toBe('X-Shop-*');
  expect(found('X-Shop')).toBe('X-*');
  handlers.delete('X-*');
  expect(found('X-Shop')).toBeUndefined();
  expect(frameHandlerOf(new Map(), 'X-Any')).toBeUndefined();
});
