/** How much a node does per second at the moment: a moving average over about ten beats. */

const WEIGHT = 0.2;

export class Traffic {
  /** Messages accepted from clients per second. */
  published = 0;
  /** Frames from clients per second. */
  received = 0;
  /** Messages written to clients per second. */
  delivered = 0;
  private last = { published: 0, received: 0, delivered: 0 };

  /** Takes the totals of the counters; call it once a beat. */
  sample(totals: { readonly published: number; readonly received: number; readonly delivered: number }): void {
    this.published += (totals.published - this.last.published - this.published) * WEIGHT;
    this.received += (totals.received - this.last.received - this.received) * WEIGHT;
    this.delivered += (totals.delivered - this.last.delivered - this.delivered) * WEIGHT;
    this.last = { ...totals };
  }
}
