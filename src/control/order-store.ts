/** Where standing orders are kept for all nodes: the port between what is decided about them and the store that keeps them. */

/** What changed since a version, in the order of the changes. */
export interface OrderPage {
  /** Another one than before: data was lost, or may have been. `''` until somebody {@link OrderStore.settle settles} it. */
  readonly epoch: string;
  /** Of the newest change of all. Grows, and never comes twice: also not after everything was lost. */
  readonly newest: number;
  /** The service's time, in ms since 1970. */
  readonly now: number;
  /** Orders of an earlier version are no changes before they are settled. */
  readonly hasEarlier: boolean;
  /** Orders that are over and can be removed. */
  readonly over: number;
  readonly changes: readonly OrderChange[];
}

export interface OrderChange {
  readonly version: number;
  readonly place: string;
  readonly text: string;
}

/** An order on its way into the store. */
export interface OrderToSave {
  readonly place: string;
  readonly text: string;
  /** Whether it is merged with the one in its place. */
  readonly growsStronger: boolean;
  /** A place that it clears, unless what is there is newer; `''` for none. */
  readonly ends: string;
  /** A place whose newer order has ended it; `''` for none. */
  readonly endedBy: string;
}

export interface OrderStore {
  /**
   * @param limit of changes; fewer come when there are no more
   * @returns `null` when the store cannot be read now
   */
  read(after: number, limit: number): Promise<OrderPage | null>;
  /**
   * Keeps orders that are newer or stronger than those in their places.
   * @param isGiven they are given now, and hold whatever the clock of the store says
   * @returns whether it is known that they were kept
   */
  save(orders: readonly OrderToSave[], isGiven: boolean): Promise<boolean>;
  /**
   * Says that what is kept is all that is known, takes over what an earlier version has kept, and removes some orders
   * that are over.
   * @returns whether that is known to be done
   */
  settle(): Promise<boolean>;
}
