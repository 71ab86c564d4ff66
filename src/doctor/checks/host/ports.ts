/** Whether the ports of the configuration are free, and who has them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Check } from '../../check.ts';
import { factsOf } from '../../facts.ts';
import { fail, ok, type Observation } from '../../finding.ts';

/** TCP_LISTEN in /proc/net/tcp. */
const LISTENING = '0A';

interface Owner {
  readonly pid: number;
  readonly name: string;
}

export const hostPorts: Check = {
  name: 'host.ports',
  looksAt: 'Whether server.port and admin.port are free here, and who has them.',
  needs: ['configuration'],
  run: async (patient) => {
    const config = patient.configuration?.config;
    if (config === undefined || config === null) return [];
    const { nodes } = await factsOf(patient);
    const own = new Set([process.pid, ...nodes.flatMap(({ process: facts }) => facts?.pid ?? [])]);
    const ports = new Map([['server.port', config.server.port]]);
    if (config.admin.port !== undefined) ports.set('admin.port', config.admin.port);
    return [...ports]
      .filter(([, port]) => port !== 0)
      .flatMap(([key, port]) => judge(key, port, own, nodes.length > 0));
  },
};

/** @param isAsked a node was asked: when it is elsewhere, it is no matter what is taken here */
function judge(key: string, port: number, own: ReadonlySet<number>, isAsked: boolean): readonly Observation[] {
  const inodes = listenersOn(port);
  if (inodes.size === 0) return isAsked ? [] : [ok(`port ${port} is free`)];
  const owner = ownerOf(inodes);
  if (owner !== null && own.has(owner.pid)) return [ok(`port ${port} belongs to the node itself (pid ${owner.pid})`)];
  if (isAsked) return [];
  const who = owner === null ? 'a process of another user' : `pid ${owner.pid} (${owner.name})`;
  return [fail(`port ${port} is taken by ${who}`, `end that process, or choose another ${key}`)];
}

/** The inodes of sockets that listen on the port. */
function listenersOn(port: number): ReadonlySet<string> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const line of textOf(table).split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === LISTENING && inode !== undefined && local?.endsWith(`:${hex}`) === true) inodes.add(inode);
    }
  return inodes;
}

/** @returns `null` when nobody may see it. Of the command line only the name is told: arguments may hold secrets */
function ownerOf(inodes: ReadonlySet<string>): Owner | null {
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  for (const pid of listOf('/proc').filter((name) => /^\d+$/.test(name)))
    for (const descriptor of listOf(`/proc/${pid}/fd`))
      if (links.has(linkOf(`/proc/${pid}/fd/${descriptor}`)))
        return { pid: Number(pid), name: textOf(`/proc/${pid}/comm`).trim() };
  return null;
}

function listOf(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
