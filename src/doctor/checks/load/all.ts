/** How busy the nodes are. */
import type { Check } from '../../check.ts';
import { eachNode, mebibytes, percent } from '../../each-node.ts';
import type { NodeFacts } from '../../facts.ts';
import { fail, warn, type Observation } from '../../finding.ts';

const LAG = { warn: 50, fail: 500, max: 1_000 };
const GC_SHARE = 10;
/** A part of the limit is for young objects, so old ones never fill all of it: a heap of 200 MiB ends at 84 %. */
const HEAP = { warn: 75, fail: 90 };
const CPU = { warn: 0.8, fail: 0.95 };
/** Windows that are younger say little, and less still. */
const YOUNG_SECS = { warns: 10, silent: 1 };
const MAILBOXES = { warn: 50, fail: 90 };
const OLD_SECS = 5;
const BLOCKED = 10;
const FLUSH_MS = 250;
const PROFILE = 'POST /admin/profile {"kind":"cpu","secs":10} says what it does; then add nodes, or spread the load';

const loadLoop: Check = {
  name: 'load.loop',
  looksAt: 'The lag of the event loop: p99 and the longest, of the last minute.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ load }): readonly Observation[] => {
        if (load === undefined) return [];
        const { p50, p99, max } = load.loop_lag_ms;
        const says = `the event loop was late by ${p50} ms (p50), ${p99} ms (p99), ${max} ms at most`;
        if (p99 >= LAG.fail) return [fail(`${says}: everything waits that long`, PROFILE)];
        return p99 >= LAG.warn || max >= LAG.max ? [warn(says, PROFILE)] : [];
      },
      (nodes) =>
        `the event loop is late by ${Math.max(...nodes.map(({ load }) => load?.loop_lag_ms.p99 ?? 0))} ms at most (p99)`,
    ),
};

const loadGarbage: Check = {
  name: 'load.garbage',
  looksAt: 'The share of time that garbage collection takes, and how full the heap is.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ load, process: facts }): readonly Observation[] => {
        const share = load === undefined ? 0 : percent(load.gc.ms, load.window_secs * 1_000);
        const full = facts === undefined ? 0 : percent(facts.heap_bytes, facts.heap_limit_bytes);
        const cure = 'POST /admin/profile {"kind":"heap","secs":10} says what fills it; or fewer connections a node';
        const found: Observation[] = [];
        if (full >= HEAP.warn)
          found.push(
            (full >= HEAP.fail ? fail : warn)(
              `${full} % of the heap is used (${mebibytes(facts?.heap_bytes ?? 0)}): the process ends when it is full`,
              cure,
            ),
          );
        if (share >= GC_SHARE)
          found.push(
            warn(`garbage collection takes ${share} % of the time, ${load?.gc.longest_ms ?? 0} ms at most`, cure),
          );
        return found;
      },
      () => 'garbage collection takes little',
    ),
};

const loadCpu: Check = {
  name: 'load.cpu',
  looksAt: 'How much of the time the event loop works: a node is one event loop, and uses one core.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ load }): readonly Observation[] => {
        const busy = busyOf(load);
        // A start is work without a pause: it says nothing of a node that serves.
        const window = load?.window_secs ?? 0;
        if (window < YOUNG_SECS.silent) return [];
        const says = `the event loop is busy ${Math.round(busy * 100)} % of the time (the process takes ${load?.cpu ?? 0} cores)`;
        if (busy >= CPU.fail && window >= YOUNG_SECS.warns) return [fail(`${says}: it can do no more`, PROFILE)];
        return busy >= CPU.warn ? [warn(says, PROFILE)] : [];
      },
      (nodes) =>
        `the event loop is busy ${Math.round(Math.max(...nodes.map(({ load }) => busyOf(load))) * 100)} % of the time at most`,
    ),
};

/** A node that shares its core takes little CPU and can do no more all the same; one of an earlier version tells CPU alone. */
function busyOf(load: NodeFacts['load']): number {
  return load?.loop_busy ?? load?.cpu ?? 0;
}

const loadMemory: Check = {
  name: 'load.memory',
  looksAt: 'Memory and open files of each process against its limits.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ process: facts, connections }): readonly Observation[] => {
        if (facts === undefined) return [];
        const { memory_bytes: used, memory_limit_bytes: limit, open_files_limit: files } = facts;
        const full = percent(used, limit);
        const says = `${mebibytes(used)} of ${mebibytes(limit)} used (${full} %)`;
        const found: Observation[] = [];
        if (full >= MAILBOXES.fail)
          found.push(fail(`${says}: the kernel ends it soon`, 'raise the limit, or lower websocket.max_connections'));
        if (files !== null && connections !== undefined && files < connections.limit)
          found.push(
            warn(
              `at most ${files} open files for ${connections.limit} connections (websocket.max_connections)`,
              `LimitNOFILE=65536 of systemd, ulimits of Compose, or a lower websocket.max_connections`,
            ),
          );
        return found;
      },
      (nodes) =>
        `${Math.max(...nodes.map(({ process: it }) => percent(it?.memory_bytes ?? 0, it?.memory_limit_bytes ?? 0)))} % of memory at most`,
    ),
};

const loadMailboxes: Check = {
  name: 'load.mailboxes',
  looksAt: 'What waits in mailboxes, for how long, and clients that do not read.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ mailboxes, connections }): readonly Observation[] => {
        if (mailboxes === undefined) return [];
        const { bytes, bytes_limit: limit, oldest_secs: oldest, messages, blocked } = mailboxes;
        const cure = './signalbox connections --sort mailbox names the clients; slow ones lose their oldest messages';
        const full = percent(bytes, limit);
        const found: Observation[] = [];
        const says = `${messages} messages wait, ${mebibytes(bytes)} of ${mebibytes(limit)} (${full} %), the oldest for ${oldest} s`;
        if (full >= MAILBOXES.fail) found.push(fail(says, cure));
        else if (full >= MAILBOXES.warn || oldest >= OLD_SECS) found.push(warn(says, cure));
        const open = connections?.open ?? 0;
        if (blocked > 0 && percent(blocked, open) >= BLOCKED)
          found.push(warn(`${blocked} of ${open} clients do not read what they are sent`, cure));
        return found;
      },
      (nodes) => `${nodes.reduce((sum, { mailboxes }) => sum + (mailboxes?.messages ?? 0), 0)} messages wait`,
    ),
};

const loadFlush: Check = {
  name: 'load.flush',
  looksAt: 'How long a message takes from its arrival at a node to its write to sockets.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ mailboxes }): readonly Observation[] => {
        const within = mailboxes?.written_within_ms;
        if (within === undefined || within.p50 === null) return [];
        if (within.p99 !== null && within.p99 < FLUSH_MS) return [];
        const says = `one message in a hundred took ${within.p99 === null ? 'more than 10000' : `${within.p99}`} ms to be written, since the start`;
        return [warn(says, `${PROFILE}; signalbox_publish_to_write_seconds is the metric`)];
      },
      (nodes) => {
        const known = nodes.flatMap(({ mailboxes }) => mailboxes?.written_within_ms.p99 ?? []);
        return known.length === 0 ? null : `messages are written within ${Math.max(...known)} ms (p99)`;
      },
    ),
};

export const LOAD_CHECKS: readonly Check[] = [loadLoop, loadGarbage, loadCpu, loadMemory, loadMailboxes, loadFlush];
