/** What a recipe is run in: a server, the library with short delays, and what the page leaves to its reader. */
import { onTestFinished } from 'vitest';
import * as conversations from '../../../src/client/conversations/index.ts';
import * as debug from '../../../src/client/debug/index.ts';
import * as history from '../../../src/client/history/index.ts';
import * as library from '../../../src/client/index.ts';
import type { Client, ClientOptions } from '../../../src/client/index.ts';
import * as persist from '../../../src/client/persist/index.ts';
import * as presence from '../../../src/client/presence/index.ts';
import * as queue from '../../../src/client/queue/index.ts';
import * as react from '../../../src/client/react/index.ts';
import * as store from '../../../src/client/store/index.ts';
import { ADMIN_TOKEN } from '../../harness/admin.ts';
import { eventually } from '../../harness/deadline.ts';
import { startServer, type TestServer } from '../../harness/server.ts';
import { tokenOf } from '../../harness/tokens.ts';
import { clientOf, Reading } from '../rig.ts';
import { run, type Left, type Recipe } from './page.ts';

type Given = Readonly<Record<string, unknown>>;
export type Scenario = (world: World) => Promise<void>;

export class World {
  readonly server: TestServer;
  /** Where the library connects to; a test may move it. */
  port: number;
  hasRun = false;
  private readonly recipe: Recipe;
  private readonly told = new Map<string, unknown[][]>();

  constructor(recipe: Recipe, server: TestServer) {
    this.recipe = recipe;
    this.server = server;
    this.port = server.port;
  }

  static async open(recipe: Recipe): Promise<World> {
    return new World(
      recipe,
      await startServer({
        'topics.rules': JSON.stringify([
          { pattern: 'typing.**', history: 0 },
          { pattern: 'metrics.**', history: 0 },
          { pattern: 'chat.**', presence: 'user' },
        ]),
        'admin.token': ADMIN_TOKEN,
        'auth.leeway_secs': '0',
      }),
    );
  }

  /** A function of the application, which is told here. */
  spy(name: string, answer: (...values: never[]) => unknown = () => undefined): (...values: unknown[]) => unknown {
    return (...values) => {
      this.told.set(name, [...this.of(name), values]);
      return answer(...(values as never[]));
    };
  }

  /** With what a function of the application was called, each time. */
  of(name: string): unknown[][] {
    return this.told.get(name) ?? [];
  }

  until(name: string, isDone: (calls: unknown[][]) => boolean = (calls) => calls.length > 0): Promise<void> {
    return eventually(() => isDone(this.of(name)), `${name}; it was called with ${JSON.stringify(this.of(name))}`);
  }

  client(user = 'alice', options: Partial<ClientOptions> = {}): Client {
    return clientOf(this.server, user, { url: () => this.url, ...options });
  }

  reading(topic: string, user = 'bob'): Reading {
    return new Reading(this.client(user).topic(topic));
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  /** Ends every connection, as a proxy would. */
  cut(): void {
    for (const connection of this.server.running.node.connections) connection.transport?.terminate();
  }

  /** Runs the block of the page; it does not end before its last line does. */
  run(given: Given): Promise<Left> {
    this.hasRun = true;
    const createClient = (options: ClientOptions): Client => {
      const client = library.createClient({
        ...options,
        url: () => this.url,
        backoff: { minMs: 20, maxMs: 100 },
      });
      onTestFinished(() => client.close());
      return client;
    };
    return run(
      this.recipe,
      {
        fetchToken: () => tokenOf('alice'),
        show: this.spy('show'),
        reload: this.spy('reload'),
        render: this.spy('render'),
        report: this.spy('report'),
        console: { log: this.spy('console.log'), debug: this.spy('console.debug') },
        ...given,
      },
      {
        'signalbox/client': { ...library, createClient },
        'signalbox/client/conversations': conversations,
        'signalbox/client/debug': debug,
        'signalbox/client/history': history,
        'signalbox/client/persist': persist,
        'signalbox/client/presence': presence,
        'signalbox/client/queue': queue,
        'signalbox/client/react': react,
        'signalbox/client/store': store,
      },
    );
  }
}
