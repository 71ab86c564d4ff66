/** W5 in slices: 10 of 110 readers stop for some seconds at a fixed rate, and catch up from a deep log. */
import { pause } from '../pause.ts';
import { startSignalbox } from '../servers.ts';
import { HEALTHY, openStallScene, PER_SECOND, STALLED } from '../workloads/stall-scene.ts';
import type { Probe, Slice } from './contest.ts';
import { measured, reached } from './rest.ts';

/** The kernel alone holds two seconds of messages. */
const STALL_SECONDS = 5;
const CATCH_UP_SECONDS = 3;
const LOOK_SECONDS = 0.1;
const LOOKS = 200;

export async function openStall(checkout: string): Promise<Probe> {
  const running = await startSignalbox({ 'topics.history': '65536' }, undefined, checkout);
  const { pid } = running;
  const { tally, stalled, publisher, close } = await openStallScene(running.port, STALLED);

  async function latency(seconds: number): Promise<{ p50: number; p99: number }> {
    tally.latency.reset();
    tally.sample(true);
    await pause(seconds);
    tally.sample(false);
    return { p50: tally.latency.percentile(50) / 1_000, p99: tally.latency.percentile(99) / 1_000 };
  }

  /** Everything sent has reached the stalled ones too, or was announced to them as lost. */
  async function caughtUp(): Promise<number> {
    const expected = publisher.sent * STALLED;
    for (let looks = 0; looks < LOOKS; looks += 1) {
      const { received, announced, faults, closed } = await stalled.counts();
      if (received + announced >= expected) return faults + closed;
      await pause(LOOK_SECONDS);
    }
    return Number.POSITIVE_INFINITY;
  }

  async function slice(): Promise<Slice> {
    const sent = publisher.sent;
    let [during, after] = [
      { p50: 0, p99: 0 },
      { p50: 0, p99: 0 },
    ];
    let lost = 0;
    const { cpu, generatorCpuShare } = await measured(pid, async () => {
      publisher.atRate(PER_SECOND);
      await stalled.pause();
      during = await latency(STALL_SECONDS);
      await stalled.resume();
      after = await latency(CATCH_UP_SECONDS);
      publisher.stop();
      await reached(() => tally.received + tally.announced, publisher.expected);
      lost = await caughtUp();
    });
    return {
      figures: {
        'CPU-s per million deliveries': (cpu / (publisher.sent - sent) / (HEALTHY + STALLED)) * 1e6,
        'p50 while stalled, ms': during.p50,
        'p99 while stalled, ms': during.p99,
        'p99 while they catch up, ms': after.p99,
      },
      faults: lost + tally.faults + tally.closed,
      generatorCpuShare,
    };
  }

  return {
    slice,
    close: async () => {
      close();
      await running.stop();
    },
  };
}
