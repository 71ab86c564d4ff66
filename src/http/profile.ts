/** `POST /admin/profile`: what the process spends its time on, or what its heap holds, for Chrome's DevTools. */
import { Session } from 'node:inspector/promises';
import { z } from 'zod';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpResponse } from '../node/route.ts';
import { refusal } from '../protocol/errors.ts';
import type { Scheduler } from '../telemetry/clock.ts';
import type { AdminRequest, AdminRoute } from './admin-access.ts';
import { readBody } from './json-body.ts';

export const PROFILE = z.strictObject({
  kind: z.enum(['cpu', 'heap']),
  secs: z
    .number()
    .min(0.1)
    .max(60)
    .default(10)
    .describe('how long a CPU profile takes; a heap profile samples as long'),
});

/** One at a time, because each slows the node down while it runs. */
export class Profiler {
  private isBusy = false;
  private readonly scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  get route(): AdminRoute {
    return { method: 'POST', path: '/admin/profile', handle: (request) => this.answer(request) };
  }

  private async answer(request: AdminRequest): Promise<HttpResponse> {
    const body = readBody(request.body, PROFILE);
    if ('response' in body) return body.response;
    if (this.isBusy) return refusalResponse(refusal('rate_limited', 'expected one profile at a time', 1_000));
    this.isBusy = true;
    try {
      const { kind, secs } = body.value;
      const profile = await this.record(kind, secs * 1_000);
      const name = `signalbox.${kind === 'cpu' ? 'cpuprofile' : 'heapprofile'}`;
      const headers = { 'content-type': 'application/json', 'content-disposition': `attachment; filename="${name}"` };
      return { status: 200, headers, body: JSON.stringify(profile) };
    } finally {
      this.isBusy = false;
    }
  }

  /**
   * A heap profile is sampled. A snapshot of the whole heap was tried first: it stops the event loop for seconds and
   * doubles the memory, which is the last thing a node in trouble needs.
   */
  private async record(kind: 'cpu' | 'heap', ms: number): Promise<unknown> {
    const session = new Session();
    session.connect();
    try {
      if (kind === 'cpu') {
        await session.post('Profiler.enable');
        await session.post('Profiler.start');
        await this.wait(ms);
        return (await session.post('Profiler.stop')).profile;
      }
      await session.post('HeapProfiler.startSampling', { samplingInterval: 16_384 });
      await this.wait(ms);
      return (await session.post('HeapProfiler.stopSampling')).profile;
    } finally {
      session.disconnect();
    }
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.scheduler.after(ms, resolve));
  }
}
