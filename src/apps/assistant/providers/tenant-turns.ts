/**
 * Turns at a provider: a tenant has so many places and shares them fairly among its users, and tenants share the provider's places
 * fairly among each other. So one that asks a thousand times at once keeps another one waiting for one place.
 */
import type { Scheduler } from '../../../telemetry/clock.ts';
import { FairTurns } from '../../calling/fair-turns.ts';

export interface TurnLimits {
  /** Of all tenants. */
  readonly atOnce: number;
  readonly atOnceOfTenant: number;
  /** Of one user. */
  readonly waiting: number;
  /** Of all tenants. */
  readonly waitingInAll: number;
}

/** Whose turn it is. */
export interface Owner {
  readonly tenant: string;
  readonly user: string;
}

interface Tenant {
  readonly turns: FairTurns;
  /** Those inside and those who wait: it is forgotten when there are none. */
  present: number;
}

export class TenantTurns {
  private readonly limits: TurnLimits;
  private readonly scheduler: Scheduler;
  private readonly all: FairTurns;
  private readonly tenants = new Map<string, Tenant>();
  private waitingInAll = 0;

  constructor(limits: TurnLimits, scheduler: Scheduler) {
    this.limits = limits;
    this.scheduler = scheduler;
    // Of one tenant no more wait here than it has places.
    const { atOnce, atOnceOfTenant: waiting, waitingInAll } = limits;
    this.all = new FairTurns({ atOnce, waiting, waitingInAll }, scheduler);
  }

  get underWay(): number {
    return this.all.underWay;
  }

  get waiting(): number {
    return this.waitingInAll;
  }

  /**
   * Resolves with what gives the place back, or with `null` where there is none after `patienceMs`, or too many wait.
   * @param signal gives the place in the queue up
   */
  async enter({ tenant: name, user }: Owner, patienceMs: number, signal: AbortSignal): Promise<(() => void) | null> {
    const tenant = this.tenantOf(name);
    const isFull = tenant.turns.underWay >= this.limits.atOnceOfTenant || this.all.underWay >= this.limits.atOnce;
    if (isFull && this.waitingInAll >= this.limits.waitingInAll) return null;
    tenant.present += 1;
    this.waitingInAll += 1;
    const over = new AbortController();
    const patience = this.scheduler.after(patienceMs, () => over.abort());
    const either = AbortSignal.any([signal, over.signal]);
    const isIn = await this.enterBoth(tenant, name, user, patienceMs, either);
    patience.cancel();
    this.waitingInAll -= 1;
    if (!isIn) {
      this.left(name, tenant);
      return null;
    }
    return () => {
      this.all.leave();
      tenant.turns.leave();
      this.left(name, tenant);
    };
  }

  private async enterBoth(
    { turns }: Tenant,
    name: string,
    user: string,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (!(await turns.enter(user, patienceMs, signal))) return false;
    if (await this.all.enter(name, patienceMs, signal)) return true;
    turns.leave();
    return false;
  }

  private tenantOf(name: string): Tenant {
    const there = this.tenants.get(name);
    if (there !== undefined) return there;
    const { atOnceOfTenant: atOnce, waiting, waitingInAll } = this.limits;
    const made = { turns: new FairTurns({ atOnce, waiting, waitingInAll }, this.scheduler), present: 0 };
    this.tenants.set(name, made);
    return made;
  }

  private left(name: string, tenant: Tenant): void {
    tenant.present -= 1;
    if (tenant.present === 0) this.tenants.delete(name);
  }
}
