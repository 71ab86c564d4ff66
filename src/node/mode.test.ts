import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NodeMode, type ModeEvent, type Service } from './mode.ts';

class Watched {
  readonly changes: Service[] = [];
  readonly mode = new NodeMode('node-a', 'abc123', 'key', (service) => this.changes.push(service));

  send(...events: readonly ModeEvent['type'][]): this {
    for (const type of events) this.mode.send({ type });
    return this;
  }

  get facts(): unknown {
    const { mode, isReadOnly, isAdmitting } = this.mode;
    return [mode, isReadOnly ? 'read-only' : 'writing', isAdmitting ? 'admitting' : 'refusing'];
  }
}

describe('a node', () => {
  test('admits nobody before it has started', () => {
    expect(new Watched().facts).toEqual(['starting', 'writing', 'refusing']);
    expect(new Watched().send('STARTED').facts).toEqual(['running', 'writing', 'admitting']);
  });

  test('goes on admitting while it is read-only, and back', () => {
    const node = new Watched().send('STARTED', 'READ_ONLY');
    expect(node.facts).toEqual(['read_only', 'read-only', 'admitting']);
    expect(node.send('NORMAL').facts).toEqual(['running', 'writing', 'admitting']);
  });

  test('can refuse new connections in every service, also before it starts', () => {
    const node = new Watched().send('REFUSE', 'STARTED');
    expect(node.facts).toEqual(['running', 'writing', 'refusing']);
    expect(node.send('READ_ONLY').facts).toEqual(['read_only', 'read-only', 'refusing']);
    expect(node.send('ADMIT').facts).toEqual(['read_only', 'read-only', 'admitting']);
  });

  test('that drains never opens again', () => {
    const node = new Watched().send('STARTED', 'READ_ONLY', 'DRAIN');
    expect(node.facts).toEqual(['draining', 'writing', 'refusing']);
    expect(node.send('ADMIT', 'STARTED', 'NORMAL', 'READ_ONLY').facts).toEqual(['draining', 'writing', 'refusing']);
    expect(node.send('STOPPED', 'STARTED', 'ADMIT').facts).toEqual(['stopped', 'writing', 'refusing']);
  });

  test('tells of every change of its service once, and of nothing else', () => {
    const node = new Watched().send(
      'REFUSE',
      'STARTED',
      'STARTED',
      'ADMIT',
      'READ_ONLY',
      'READ_ONLY',
      'DRAIN',
      'STOPPED',
    );
    expect(node.changes).toEqual(['running', 'read_only', 'draining', 'stopped']);
  });

  test('keeps its names', () => {
    expect(new Watched().mode).toMatchObject({ name: 'node-a', instance: 'abc123', beat: 0 });
  });
});

test('whatever is asked of it, it does what the table says', () => {
  const table: Readonly<Record<Service, Partial<Record<ModeEvent['type'], Service>>>> = {
    starting: { STARTED: 'running', DRAIN: 'draining' },
    running: { READ_ONLY: 'read_only', DRAIN: 'draining' },
    read_only: { NORMAL: 'running', DRAIN: 'draining' },
    draining: { STOPPED: 'stopped' },
    stopped: {},
  };
  const events = fc.constantFrom('STARTED', 'READ_ONLY', 'NORMAL', 'ADMIT', 'REFUSE', 'DRAIN', 'STOPPED');
  fc.assert(
    fc.property(fc.array(events, { maxLength: 15 }), (list) => {
      const node = new Watched();
      let service: Service = 'starting';
      let open = true;
      const changes: Service[] = [];
      for (const type of list) {
        node.send(type);
        const next: Service = table[service][type] ?? service;
        if (next !== service) changes.push(next);
        service = next;
        if (type === 'ADMIT' || type === 'REFUSE') open = type === 'ADMIT';
        const serving = service === 'running' || service === 'read_only';
        expect(node.mode).toMatchObject({
          mode: service,
          isReadOnly: service === 'read_only',
          isAdmitting: open && serving,
        });
        expect(node.changes).toEqual(changes);
      }
    }),
    { numRuns: 200 },
  );
});
