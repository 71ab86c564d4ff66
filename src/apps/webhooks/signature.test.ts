import { expect, test } from 'vitest';
import { keyOf, Signer } from './signature.ts';

test('the signature is that of the example of the Standard Webhooks libraries', () => {
  const key = keyOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  expect(key).not.toBeNull();
  const signer = new Signer([key ?? Buffer.alloc(0)]);
  const headers = signer.headers(
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1_614_265_330_000,
    Buffer.from('{"test": 2432232314}'),
  );
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('while secrets are rotated there is a signature of each', () => {
  const signer = new Signer([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]);
  const signatures = signer.headers('a', 0, Buffer.from('{}'))['webhook-signature']?.split(' ') ?? [];
  expect(signatures).toHaveLength(2);
  expect(new Set(signatures).size).toBe(2);
});

test.each([
  ['no prefix', Buffer.alloc(32).toString('base64')],
  ['too short', `whsec_${Buffer.alloc(23).toString('base64')}`],
  ['too long', `whsec_${Buffer.alloc(65).toString('base64')}`],
  ['no base64', `whsec_${'!'.repeat(40)}`],
  ['nothing', ''],
])('a secret with %s has no key', (_, secret) => expect(keyOf(secret)).toBeNull());

test('padding may be missing', () => {
  expect(keyOf(`whsec_${Buffer.alloc(32, 7).toString('base64').replaceAll('=', '')}`)).toEqual(Buffer.alloc(32, 7));
});
