import { bench, do_not_optimize, group } from 'mitata';
import { takeTokens, TokenBucket } from '../../src/limits/token-bucket.ts';

group('token bucket', () => {
  const rate = { perSecond: 1e9, burst: 1e9 };
  let fullAt = 0;
  let now = 1;
  bench('take, state kept by the caller', () => {
    now += 1;
    fullAt = takeTokens(fullAt, rate, 1, now);
    do_not_optimize(fullAt);
  });
  const bucket = new TokenBucket(rate);
  bench('take, as an object', () => {
    now += 1;
    do_not_optimize(bucket.take(1, now));
  });
});
