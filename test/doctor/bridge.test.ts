/** Rows of doctor for the bridge: one for each failure that it sees, with a cure of its own, and what its configuration lacks. */
import { expect, test } from 'vitest';
import { Troubles, TROUBLES, type Trouble } from '../../src/apps/bridge/troubles.ts';
import { appsBridge, bridgeRows } from '../../src/doctor/checks/apps/bridge.ts';
import type { Patient } from '../../src/doctor/patient.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';

test('each trouble of a tenant is a row with its own cure, until ten minutes after the last time', () => {
  const clock = new VirtualClock();
  const troubles = new Troubles(clock);
  expect(troubles.health()).toEqual({ status: 'healthy' });
  const all = Object.keys(TROUBLES) as Trouble[];
  for (const trouble of all) troubles.note(trouble, 'acme');
  troubles.note('meta_signature', 'acme');
  const { status, detail = '' } = troubles.health();
  expect(status).toBe('degraded');
  troubles.note('meta_signature', 'globex');
  expect(detail).toContain('meta_signature: 2 times, of one tenant');
  expect(troubles.health().detail).toContain('meta_signature: 3 times, of 2 tenants');
  // Everybody may read the health; operators ask by a route of their own.
  expect(troubles.health().detail).not.toMatch(/acme|globex/);
  expect(troubles.list('globex')).toMatchObject([{ trouble: 'meta_signature', tenant: 'globex', times: 1 }]);
  expect(troubles.list('')).toHaveLength(all.length + 1);
  const rows = bridgeRows(detail);
  expect(rows).toHaveLength(all.length);
  expect(new Set(rows.map(({ cure }) => cure)).size).toBeGreaterThan(all.length - 3);
  expect(rows.find(({ says }) => says.includes('webhooks of WhatsApp'))?.cure).toContain('app secret');
  troubles.over('genesys_token', 'acme');
  expect(troubles.health().detail).not.toContain('genesys_token');
  clock.advance(600_001);
  expect(troubles.health()).toEqual({ status: 'healthy' });
});

test('what the bridge lacks in the configuration is named with the key', () => {
  const rowsOf = (bridge: object, media: object): readonly string[] => {
    const apps = [
      { app: { name: 'bridge' }, settings: bridge },
      { app: { name: 'media' }, settings: media },
    ];
    const patient = { configuration: { apps } } as unknown as Patient;
    const rows = appsBridge.run(patient);
    if (!Array.isArray(rows)) throw new Error('expected an answer at once');
    return (rows as readonly { says: string }[]).map(({ says }) => says);
  };
  const lacking = rowsOf({ agents: [] }, {});
  for (const key of ['apps.bridge.verify_token', 'apps.media.public_url', 'apps.bridge.agents'])
    expect(
      lacking.some((says) => says.includes(key)),
      key,
    ).toBe(true);
  expect(rowsOf({ agents: ['ada'], verify_token: 'x' }, { public_url: 'https://chat.example' })).toEqual([
    'the bridge has a verify token, an address for files, and agents',
  ]);
});
