/** The recipes of connections, tokens and users. */
import { expect, onTestFinished, vi } from 'vitest';
import type { Client } from '../../../src/client/index.ts';
import { localStorageOf } from '../../../src/client/persist/index.ts';
import { signedOut, type ConnectionState } from '../../../src/client/index.ts';
import { eventually, within } from '../../harness/deadline.ts';
import { Admin } from '../../harness/admin.ts';
import { tokenOf } from '../../harness/tokens.ts';
import type { Scenario } from './world.ts';

/** A storage of a browser in memory. */
class TextStore {
  private readonly items = new Map<string, string>();

  get length(): number {
    return this.items.size;
  }

  key(at: number): string | null {
    return [...this.items.keys()][at] ?? null;
  }

  getItem(name: string): string | null {
    return this.items.get(name) ?? null;
  }

  setItem(name: string, text: string): void {
    this.items.set(name, text);
  }

  removeItem(name: string): void {
    this.items.delete(name);
  }
}

const payloadsOf = (calls: readonly unknown[][]): unknown[] =>
  calls.map(([message]) => (message as { payload: unknown }).payload);

export const CONNECTION: Readonly<Record<string, Scenario>> = {
  'The connection breaks': async (world) => {
    const other = world.client('bob');
    await world.run({ showLight: world.spy('light') });
    await world.until('light', (calls) => calls.at(-1)?.[0] === 'green');
    await other.topic('chat.42').publish(1);
    await world.until('show');
    world.cut();
    await world.until('light', (calls) => calls.some(([colour]) => colour === 'red'));
    await other.topic('chat.42').publish(2);
    await world.until('show', (calls) => calls.length === 2);
    expect(payloadsOf(world.of('show'))).toEqual([1, 2]);
    expect(world.of('reload')).toEqual([]);
    const colours = world.of('light').map(([colour]) => colour);
    expect(colours.filter((colour, at) => colour !== colours[at - 1])).toEqual([
      'yellow',
      'green',
      'red',
      'yellow',
      'green',
    ]);
    expect(world.of('light').find(([colour]) => colour === 'red')?.[1]).toMatch(/^next try at .*\d/);
  },

  'It does not connect, and the user should know why': async (world) => {
    const given = { showLogin: world.spy('login'), showProblem: world.spy('problem'), showHint: world.spy('hint') };
    const answers = {
      nobody: () => {
        throw signedOut();
      },
      forged: 'nonsense',
      broken: () => {
        throw new Error('no route to the login server');
      },
    };
    for (const token of Object.values(answers)) {
      const client = world.client('alice', { token });
      await world.run({ ...given, client });
      client.topic('chat.42').on({ message: () => {}, gap: () => {} });
    }
    await Promise.all(['login', 'problem', 'hint'].map((name) => world.until(name)));
    expect(world.of('login')).toHaveLength(1);
    expect(world.of('problem')).toMatchObject([[expect.stringContaining('token_invalid')]]);
    expect(world.of('hint')[0]).toEqual([expect.stringContaining('no route to the login server')]);
  },

  'Tokens end': async (world) => {
    let status = 200;
    const fetch = world.spy('fetch', async () => ({
      ok: status === 200,
      status,
      json: async () => ({ accessToken: await tokenOf('alice') }),
    }));
    const { client } = await world.run({ fetch, location: { assign: world.spy('assign') } });
    await (client as Client).topic('chat.42').publish('one');
    const expel = (): void => {
      for (const connection of world.server.running.node.connections) connection.close('token_expired', 'by the test');
    };
    status = 500;
    expel();
    await world.until('fetch', (calls) => calls.length >= 3);
    status = 200;
    await within((client as Client).topic('chat.42').publish('two'), 'the second publish');
    expect(world.of('assign')).toEqual([]);
    status = 401;
    expel();
    await world.until('assign');
    expect(world.of('assign')).toEqual([['/login']]);
    expect((client as Client).state).toMatchObject({ status: 'closed', error: { reason: 'signed_out' } });
    for (const [url, { method, signal }] of world.of('fetch') as [string, RequestInit][]) {
      expect([url, method]).toEqual(['/api/v1/auth/refresh', 'POST']);
      expect(signal).toBeInstanceOf(AbortSignal);
    }
  },

  'Another user signs in': async (world) => {
    const store = new TextStore();
    const client = world.client('alice', { storage: localStorageOf('alice', store) });
    client.topic('chat.42').on({ message: world.spy('show'), gap: () => {} });
    await client.topic('chat.42').publish(1);
    await world.until('show');
    const { logOut } = await world.run({ client, fetch: world.spy('fetch', () => Promise.resolve()) });
    await (logOut as () => Promise<void>)();
    expect(world.of('fetch')).toEqual([['/auth/logout', { method: 'POST' }]]);
    expect([client.state.status, client.topic('chat.42').position, store.length]).toEqual(['closed', undefined, 0]);
    await expect(client.topic('chat.42').publish(2)).rejects.toMatchObject({ reason: 'closed' });
  },

  'The page is loaded anew': async (world) => {
    vi.stubGlobal('localStorage', new TextStore());
    onTestFinished(() => void vi.unstubAllGlobals());
    const bob = world.client('bob');
    const first = (await world.run({ userId: 7 }))['client'] as Client;
    await eventually(() => first.topic('chat.42').state === 'live', 'the topic to be live');
    for (const text of ['seen 1', 'seen 2']) await bob.topic('chat.42').publish(text);
    await world.until('show', (calls) => calls.length === 2);
    await first.close();
    for (const text of ['missed 1', 'missed 2']) await bob.topic('chat.42').publish(text);
    await world.run({ userId: 7, show: world.spy('show after') });
    await world.until('show after', (calls) => calls.length === 2);
    expect(payloadsOf(world.of('show after'))).toEqual(['missed 1', 'missed 2']);
    expect(world.of('reload')).toEqual([]);
  },

  'A phone app sleeps, or changes networks': async (world) => {
    const events: { app?: (now: string) => void; net?: (state: { isConnected: boolean }) => void } = {};
    const stopped: string[] = [];
    const AppState = {
      addEventListener: (_name: string, listener: (now: string) => void) => {
        events.app = listener;
        return { remove: () => stopped.push('app') };
      },
    };
    const NetInfo = {
      addEventListener: (listener: (state: { isConnected: boolean }) => void) => {
        events.net = listener;
        return () => stopped.push('net');
      },
    };
    const client = (await world.run({ AppState, NetInfo }))['client'] as Client;
    const states: ConnectionState['status'][] = [];
    client.on('state', ({ status }) => states.push(status));
    await client.topic('chat.42').publish(1);
    // The operating system has closed the socket, and the app hears of it when it is looked at.
    events.app?.('background');
    events.net?.({ isConnected: false });
    world.cut();
    events.net?.({ isConnected: true });
    events.app?.('active');
    await within(client.topic('chat.42').publish(2), 'the second publish');
    expect(states.filter((status) => status === 'connected')).toHaveLength(2);
    await client.close();
    expect(stopped).toEqual(['app', 'net']);
  },

  'How good is the connection?': async (world) => {
    const client = world.client();
    const { roundTripMs, lives } = await world.run({ client });
    const measured = await (roundTripMs as () => Promise<number>)();
    expect(measured).toBeGreaterThan(0);
    expect(measured).toBeLessThan(5_000);
    world.cut();
    await eventually(() => (lives as unknown[]).length === 1, 'the end of a life');
    expect(lives).toMatchObject([{ cause: 1006, ms: expect.any(Number) as number }]);
    await eventually(() => client.state.status === 'connected', 'the next life');
    expect(lives).toHaveLength(1);
  },

  'What does the library do?': async (world) => {
    const client = (await world.run({}))['client'] as Client;
    await client.topic('chat.42').publish('a secret payload');
    await client.close();
    const told = world.of('console.debug') as [string, string, { value: { status?: string } }][];
    expect(told.map(([, event, { value }]) => `${event} ${value.status}`)).toEqual([
      'state connecting',
      'state connected',
      'state closed',
    ]);
    expect(JSON.stringify(told)).not.toMatch(/secret|eyJ/);
  },

  'Operators have something to say': async (world) => {
    const client = world.client();
    await world.run({ client, showBanner: world.spy('banner') });
    await client.topic('chat.42').publish(1);
    const body = { type: 'SystemNotification', data: { message: 'Back at noon', level: 'warning' } };
    expect(await new Admin(world.server.running.adminPort).call('POST', '/admin/broadcast', body)).toMatchObject({
      status: 200,
    });
    await world.until('banner');
    expect(world.of('banner')).toEqual([['warning', 'Back at noon']]);
  },

  'Many clients in one program': async (world) => {
    const { clients } = await world.run({ tokenFor: (user: string) => tokenOf(user) });
    expect(world.of('report')).toEqual([['400 of 400 messages']]);
    for (const client of clients as Client[]) expect(client.state.status).toBe('closed');
    await eventually(() => world.server.connections === 0, 'the connections to end');
  },
};
