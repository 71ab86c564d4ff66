/** Rights that allow everything, and throw when they are told to: a fault inside the handling of a frame. */
import type { Principal } from '../auth/principal.ts';
import type { Denial } from '../protocol/errors.ts';
import { Rights, type Action } from '../auth/rights.ts';

export const PLANTED_FAULT = 'a fault that the simulation planted';

export class FaultyRights extends Rights {
  /** How many of the next questions throw. */
  armed = 0;

  constructor() {
    super({ rules: [], fallback: { subscribe: ['user'], publish: ['user'] }, direct: ['user'] });
  }

  override denial(principal: Principal, action: Action, name: string): Denial | null {
    if (this.armed === 0) return super.denial(principal, action, name);
    this.armed -= 1;
    throw new Error(PLANTED_FAULT);
  }
}
