/** The sessions of a node, by their ids, and the clock that all of them share. */
import { randomBytes } from 'node:crypto';
import { clientAddress } from '../../node/client-address.ts';
import type { Handshake } from '../../node/handshake.ts';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import { TokenBucket } from '../../limits/token-bucket.ts';
import type { Clock, Scheduler, Timer } from '../../telemetry/clock.ts';
import { EngineSession, type SessionClient, type SessionSettings } from './engine-session.ts';

export interface SessionsSettings extends SessionSettings {
  readonly maxSessions: number;
  readonly handshakesPerSecond: number;
  readonly trustedProxies: readonly string[];
}

const BEAT_MS = 1_000;
/** 160 bits: who knows an id speaks for its client. */
const SID_BYTES = 20;
/** The share of all sessions that those may have who are let in nowhere yet, and of these the share of one address. */
const STRANGER_SHARE = 0.5;
const ADDRESS_SHARE = 0.25;

export class EngineSessions {
  private readonly byId = new Map<string, EngineSession>();
  /** Sessions of each address that have been let in nowhere yet, and all of them. */
  private readonly strangersOf = new Map<string, number>();
  private strangers = 0;
  private readonly settings: SessionsSettings;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly handshakes: TokenBucket;
  private timer: Timer | null = null;

  constructor(settings: SessionsSettings, clock: Clock, scheduler: Scheduler) {
    this.settings = settings;
    this.clock = clock;
    this.scheduler = scheduler;
    this.handshakes = new TokenBucket({ perSecond: settings.handshakesPerSecond, burst: settings.handshakesPerSecond });
  }

  find(sid: string): EngineSession | undefined {
    return this.byId.get(sid);
  }

  /** Why there is no room for another session, or `null`. Nobody knows yet who asks: so addresses and all are bounded. */
  problem(handshake: Handshake): Refusal | null {
    const { maxSessions } = this.settings;
    const most = maxSessions * STRANGER_SHARE;
    const ofAddress = this.strangersOf.get(this.addressOf(handshake)) ?? 0;
    if (this.byId.size >= maxSessions || this.strangers >= most || ofAddress >= most * ADDRESS_SHARE)
      return refusal('over_capacity', 'expected fewer sessions of Socket.IO (websocket.max_connections)', 2_000);
    const now = this.clock.elapsed();
    if (this.handshakes.take(1, now)) return null;
    const rate = `${this.settings.handshakesPerSecond} new sessions per second (websocket.accepts_per_second)`;
    return refusal('over_capacity', `expected at most ${rate}`, this.handshakes.wait(1, now));
  }

  open(handshake: Handshake, clientOf: (session: EngineSession) => SessionClient): EngineSession {
    const sid = randomBytes(SID_BYTES).toString('base64url');
    const address = this.addressOf(handshake);
    const session = new EngineSession(sid, handshake, this.settings, this.scheduler, {
      letIn: () => this.count(address, -1),
      ended: (wasStranger) => {
        if (wasStranger) this.count(address, -1);
        this.forget(sid);
      },
    });
    session.client = clientOf(session);
    this.byId.set(sid, session);
    this.count(address, 1);
    this.timer ??= this.scheduler.every(BEAT_MS, () => this.beat());
    return session;
  }

  /** The server ends. */
  end(): void {
    for (const session of this.byId.values()) session.terminate();
  }

  private addressOf(handshake: Handshake): string {
    return clientAddress(handshake, this.settings.trustedProxies);
  }

  private count(address: string, change: 1 | -1): void {
    const next = (this.strangersOf.get(address) ?? 0) + change;
    this.strangers += change;
    if (next > 0) this.strangersOf.set(address, next);
    else this.strangersOf.delete(address);
  }

  private beat(): void {
    for (const session of this.byId.values()) session.beat();
  }

  private forget(sid: string): void {
    this.byId.delete(sid);
    if (this.byId.size > 0) return;
    this.timer?.cancel();
    this.timer = null;
  }
}
