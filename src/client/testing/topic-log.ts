/** The log of one topic of the test server. */
import type { Position } from '../../protocol/position.ts';
import type { ServerFrame } from '../../protocol/wire.ts';

export class TopicLog {
  epoch: string;
  top = 0;
  entries: { readonly sequence: number; readonly frame: ServerFrame }[] = [];
  readonly name: string;

  constructor(name: string, epoch: string) {
    this.name = name;
    this.epoch = epoch;
  }

  get head(): Position {
    return { epoch: this.epoch, sequence: this.top };
  }

  /** Of the first that can be read. */
  get first(): number {
    return this.entries[0]?.sequence ?? this.top + 1;
  }

  append(frame: ServerFrame): void {
    this.top += 1;
    this.entries.push({ sequence: this.top, frame });
  }

  after(sequence: number): readonly ServerFrame[] {
    return this.entries.filter((entry) => entry.sequence > sequence).map(({ frame }) => frame);
  }

  trim(keep: number): void {
    this.entries = keep === 0 ? [] : this.entries.slice(-keep);
  }
}
