/** A page that reads a topic, and what must hold of everything that it got. */
import { expect } from 'vitest';
import type { Topic } from '../../src/client/index.ts';
import type { Tab } from './chromium.ts';

export interface PageRecord {
  readonly payloads: readonly unknown[];
  readonly sequences: readonly number[];
  readonly kinds: readonly string[];
  readonly states: readonly string[];
  readonly errors: readonly string[];
  readonly violations: readonly string[];
  readonly asked: readonly string[];
}

/** Pages of any port of this machine may connect. */
export const OPEN = { 'security.allowed_origins': 'loopback' };
/** The page has everything that was there when it came. */
export const LIVE = `record.kinds.includes('live')`;

/** Publishes the numbers `from` to `to`, without `to`. @returns all numbers below `to` */
export async function publishTo(topic: Topic, from: number, to: number): Promise<number[]> {
  for (let at = from; at < to; at += 1) await topic.publish(at);
  return Array.from({ length: to }, (_, at) => at);
}

/** Nothing lost, nothing twice, in order, no hole that nobody announced, and nothing that the policy had to stop. */
export async function expectWhole(tab: Tab, payloads: readonly unknown[]): Promise<PageRecord> {
  await tab.until(`record.payloads.length >= ${payloads.length}`);
  const record = await tab.ask<PageRecord>('record');
  expect(record.payloads).toEqual(payloads);
  const [first = 1] = record.sequences;
  expect(record.sequences).toEqual(record.payloads.map((_, at) => first + at));
  expect(record.kinds.filter((kind) => kind.startsWith('gap'))).toEqual([]);
  expect(record.violations).toEqual([]);
  expect(await tab.ask('refusals')).toEqual([]);
  return record;
}
