import { expect, test } from 'vitest';
import { WorkTimes } from './work-times.ts';

test('W-39: each tenant has its own times, the slowest first, and a tenant sees its own alone', () => {
  const times = new WorkTimes();
  for (let at = 0; at < 100; at += 1) times.observe('amber', 0.004);
  for (let at = 0; at < 98; at += 1) times.observe('basalt', 0.02);
  for (const seconds of [7, 90]) times.observe('basalt', seconds);
  expect(times.list('')).toEqual([
    { tenant: 'basalt', messages: 100, seconds: expect.closeTo(98.96), p50: expect.closeTo(0.017_65, 5), p99: 10 },
    {
      tenant: 'amber',
      messages: 100,
      seconds: expect.closeTo(0.4),
      p50: expect.closeTo(0.002_5, 5),
      p99: expect.closeTo(0.004_95, 5),
    },
  ]);
  expect(times.list('amber').map(({ tenant }) => tenant)).toEqual(['amber']);
  times.observe('slow', 90);
  expect(times.list('slow')).toEqual([{ tenant: 'slow', messages: 1, seconds: 90, p50: 60, p99: 60 }]);
});

test('tenants that come for ever are kept to a bound', () => {
  const times = new WorkTimes();
  for (let at = 0; at < 5_000; at += 1) times.observe(`t${at}`, 1);
  expect(times.list('').length).toBeLessThanOrEqual(1_000);
  expect(times.list('t4999')).toHaveLength(1);
});
