/**
 * Where the nodes live. As root each has a network namespace of its own with two links, one to its clients and one to
 * Redis, which are cut (the interface goes down: packets vanish, no connection is closed) and slowed (a token bucket of a
 * few kilobytes a second; netem is no part of every kernel). Else all share this machine's loopback.
 */
import { execFileSync } from 'node:child_process';

export type LinkName = 'clients' | 'redis';

export interface NodePlace {
  /** Where its clients find it. */
  readonly address: string;
  /** Null: any free one. */
  readonly port: number | null;
  /** What a command has to begin with to run there. */
  readonly prefix: readonly string[];
}

export interface Network {
  readonly redisAddress: string;
  readonly places: readonly NodePlace[];
  readonly hasNamespaces: boolean;
  cut(node: number, link: LinkName): void;
  slow(node: number, link: LinkName): void;
  heal(node: number, link: LinkName): void;
  remove(): void;
}

const NODE_PORT = 8_081;
/** 12 kB/s, with half a second of it waiting before more is dropped. */
const SLOW = ['rate', '96kbit', 'burst', '4kb', 'latency', '500ms'];

/** Bytes, least, at first and most: a reader who stalls is to be noticed after seconds, not megabytes. */
const SEND_BUFFER = '4096 16384 65536';
const RECEIVE_WINDOW = '16384';

export function loopback(nodes: number): Network {
  const refuse = (): never => {
    throw new Error('expected network namespaces, which need root');
  };
  return {
    redisAddress: '127.0.0.1',
    places: Array.from({ length: nodes }, () => ({ address: '127.0.0.1', port: null, prefix: [] })),
    hasNamespaces: false,
    cut: refuse,
    slow: refuse,
    heal: refuse,
    remove: () => {},
  };
}

const made = new Set<Network>();

/** For the very end, whatever has happened. */
export function removeNetworks(): void {
  for (const network of made) network.remove();
}

/** @returns null where they cannot be made, and why is printed in one line */
export function namespaces(nodes: number): Network | null {
  const network = new Namespaces(nodes);
  made.add(network);
  try {
    network.create();
    return network;
  } catch (error) {
    network.remove();
    const why = process.getuid?.() === 0 ? String(error).split('\n')[0] : 'not root';
    process.stdout.write(`skipped: links are neither cut nor slowed without network namespaces (${why})\n`);
    return null;
  }
}

class Namespaces implements Network {
  readonly hasNamespaces = true;
  readonly places: readonly NodePlace[];
  private readonly nodes: number;
  /** Three bytes of the network that this run has to itself: its process id keeps runs apart. */
  private readonly net = `10.${64 + ((process.pid >> 8) & 127)}.${process.pid & 255}`;

  constructor(nodes: number) {
    this.nodes = nodes;
    this.places = Array.from({ length: nodes }, (_, node) => ({
      address: this.host(node, 'clients', 2),
      port: NODE_PORT,
      prefix: ['ip', 'netns', 'exec', this.name(node)],
    }));
  }

  get redisAddress(): string {
    return `${this.net}.254`;
  }

  create(): void {
    ip('addr', 'add', `${this.redisAddress}/32`, 'dev', 'lo');
    for (let node = 0; node < this.nodes; node += 1) {
      const name = this.name(node);
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
      for (const link of ['clients', 'redis'] as const) this.connect(node, link);
      ip('-n', name, 'route', 'add', `${this.redisAddress}/32`, 'via', this.host(node, 'redis', 1));
      ip('netns', 'exec', name, 'sh', '-c', `echo "${SEND_BUFFER}" > /proc/sys/net/ipv4/tcp_wmem`);
      ip('-n', name, 'route', 'add', 'default', 'via', this.host(node, 'clients', 1));
    }
  }

  cut(node: number, link: LinkName): void {
    ip('link', 'set', this.device(node, link), 'down');
  }

  slow(node: number, link: LinkName): void {
    const inside = ['netns', 'exec', this.name(node), 'tc', 'qdisc', 'add', 'dev', link, 'root', 'tbf', ...SLOW];
    ip(...inside);
    execFileSync('tc', ['qdisc', 'add', 'dev', this.device(node, link), 'root', 'tbf', ...SLOW]);
  }

  heal(node: number, link: LinkName): void {
    const device = this.device(node, link);
    ip('link', 'set', device, 'up');
    this.narrow(node, link);
    quietly(() => execFileSync('tc', ['qdisc', 'del', 'dev', device, 'root'], { stdio: 'ignore' }));
    quietly(() => ip('netns', 'exec', this.name(node), 'tc', 'qdisc', 'del', 'dev', link, 'root'));
  }

  remove(): void {
    made.delete(this);
    for (let node = 0; node < this.nodes; node += 1) {
      for (const link of ['clients', 'redis'] as const) quietly(() => ip('link', 'del', this.device(node, link)));
      quietly(() => ip('netns', 'del', this.name(node)));
    }
    quietly(() => ip('addr', 'del', `${this.redisAddress}/32`, 'dev', 'lo'));
  }

  private connect(node: number, link: LinkName): void {
    const device = this.device(node, link);
    const name = this.name(node);
    ip('link', 'add', device, 'type', 'veth', 'peer', 'name', link, 'netns', name);
    ip('addr', 'add', `${this.host(node, link, 1)}/30`, 'dev', device);
    ip('link', 'set', device, 'up');
    ip('-n', name, 'addr', 'add', `${this.host(node, link, 2)}/30`, 'dev', link);
    ip('-n', name, 'link', 'set', link, 'up');
    this.narrow(node, link);
  }

  /** How much may be on its way to a client that does not read. The route is new whenever the interface has come up. */
  private narrow(node: number, link: LinkName): void {
    if (link === 'redis') return;
    const network = `${this.host(node, link, 0)}/30`;
    ip(
      'route',
      'replace',
      network,
      'dev',
      this.device(node, link),
      'src',
      this.host(node, link, 1),
      'window',
      RECEIVE_WINDOW,
    );
  }

  private name(node: number): string {
    return `signalbox-chaos-${process.pid}-${node}`;
  }

  /** At most fifteen characters. */
  private device(node: number, link: LinkName): string {
    return `sb${process.pid}${link[0]}${node}`;
  }

  /** @param side 0: the network, 1: ours, 2: the node's */
  private host(node: number, link: LinkName, side: 0 | 1 | 2): string {
    return `${this.net}.${node * 8 + (link === 'clients' ? 0 : 4) + side}`;
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // It was not there.
  }
}
