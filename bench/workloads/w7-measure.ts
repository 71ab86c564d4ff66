/** Rooms on one standing server: slices of a closed loop from rest to rest, and latency at a fixed rate. */
import { atRest, measured, reached } from '../against/rest.ts';
import { Rooms, type RoomsOptions } from '../generator/rooms.ts';
import { pause } from '../pause.ts';
import { work, type ServerProcess } from '../processes.ts';
import { SERVERS, type ServerName, type Settings } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { openAll } from './fan-out.ts';

export interface RoomsShape {
  readonly rooms: number;
  readonly members: number;
  readonly payloadBytes: number;
  readonly isEcho?: boolean;
}

export interface RoomsResult {
  readonly published: number;
  /** Publications, each acknowledged and received by every member, per second of server CPU. */
  readonly perServerCpuSecond: number;
  readonly perSecond: number;
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
  /** Down the wire, the answer included. */
  readonly bytesPerPublication: number;
  /** Milliseconds from the intended sending to the deliveries. */
  readonly p50: number;
  readonly p99: number;
  readonly faults: number;
}

export class StandingRooms {
  readonly pid: number;
  private readonly running: ServerProcess;
  private readonly rooms: Rooms;

  private constructor(running: ServerProcess, rooms: Rooms) {
    this.running = running;
    this.pid = running.pid;
    this.rooms = rooms;
  }

  static async open(server: ServerName, shape: RoomsShape, settings: Settings = {}): Promise<StandingRooms> {
    return StandingRooms.on(await SERVERS[server].start(settings), server, shape);
  }

  /** @param running a server that has been started already; it is stopped at the end */
  static async on(running: ServerProcess, server: ServerName, shape: RoomsShape): Promise<StandingRooms> {
    const options: RoomsOptions = {
      ...shape,
      port: running.port,
      wire: SERVERS[server].wire(shape.payloadBytes),
      token: await benchToken('bench'),
    };
    try {
      return new StandingRooms(running, await Rooms.open(options, openAll));
    } catch (error) {
      await running.stop();
      throw error;
    }
  }

  /** One publication under way in each room. */
  closedLoop(seconds: number): Promise<RoomsResult> {
    return this.measure(
      seconds,
      () => this.rooms.start(),
      (long) => work(this.pid, long),
    );
  }

  atRate(seconds: number, perSecond: number): Promise<RoomsResult> {
    return this.measure(seconds, () => this.rooms.startAtRate(perSecond), pause);
  }

  async close(): Promise<void> {
    this.rooms.destroy();
    await this.running.stop();
  }

  private async measure(
    seconds: number,
    begin: () => void,
    wait: (seconds: number) => Promise<void>,
  ): Promise<RoomsResult> {
    const { rooms } = this;
    await atRest(this.pid);
    const before = { sent: rooms.sent, bytes: rooms.bytes, faults: rooms.faults };
    const latency = rooms.record();
    let elapsed = 0;
    const { cpu, generatorCpuShare } = await measured(this.pid, async () => {
      const started = performance.now();
      begin();
      await wait(seconds);
      rooms.stop();
      await reached(() => rooms.arrived, rooms.expected);
      elapsed = (performance.now() - started) / 1_000;
    });
    const published = rooms.sent - before.sent;
    return {
      published,
      perServerCpuSecond: published / cpu,
      perSecond: published / elapsed,
      serverCpuShare: cpu / elapsed,
      generatorCpuShare,
      bytesPerPublication: (rooms.bytes - before.bytes) / published,
      p50: latency.percentile(50) / 1_000,
      p99: latency.percentile(99) / 1_000,
      faults: rooms.faults - before.faults,
    };
  }
}
