/** The sessions of a node, by their ids, and the clock that all of them share. */
import { randomBytes } from 'node:crypto';
import { clientAddress } from '../../node/client-address.ts';
import type { Handshake } from '../../node/handshake.ts';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import type { Scheduler, Timer } from '../../telemetry/clock.ts';
import { EngineSession, type SessionClient, type SessionSettings } from './engine-session.ts';

export interface SessionsSettings extends SessionSettings {
  readonly maxSessions: number;
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
  private readonly settings: SessionsSettings;
  private readonly scheduler: Scheduler;
  private timer: Timer | null = null;

  constructor(settings: SessionsSettings, scheduler: Scheduler) {
    this.settings = settings;
    this.scheduler = scheduler;
  }

  get size(): number {
    return this.byId.size;
  }

  find(sid: string): EngineSession | undefined {
    return this.byId.get(sid);
  }

  /** Why there is no room for another session, or `null`. */
  problem(handshake: Handshake): Refusal | null {
    const { maxSessions, trustedProxies } = this.settings;
    if (this.byId.size >= maxSessions) return full();
    // Far below the bound nobody is counted.
    if (this.byId.size < maxSessions * STRANGER_SHARE * ADDRESS_SHARE) return null;
    const address = clientAddress(handshake, trustedProxies);
    let strangers = 0;
    let ofAddress = 0;
    for (const session of this.byId.values()) {
      if (session.client?.isKnown === true) continue;
      strangers += 1;
      if (clientAddress(session.handshake, trustedProxies) === address) ofAddress += 1;
    }
    const most = maxSessions * STRANGER_SHARE;
    return strangers >= most || ofAddress >= most * ADDRESS_SHARE ? full() : null;
  }

  open(handshake: Handshake, clientOf: (session: EngineSession) => SessionClient): EngineSession {
    const sid = randomBytes(SID_BYTES).toString('base64url');
    const session = new EngineSession(sid, handshake, this.settings, this.scheduler, () => this.forget(sid));
    session.client = clientOf(session);
    this.byId.set(sid, session);
    this.timer ??= this.scheduler.every(BEAT_MS, () => this.beat());
    return session;
  }

  /** The server ends. */
  end(): void {
    for (const session of this.byId.values()) session.terminate();
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

function full(): Refusal {
  return refusal('over_capacity', 'expected fewer sessions of Socket.IO (websocket.max_connections)', 2_000);
}
