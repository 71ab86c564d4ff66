/** Those who behave, while others do not. */
import { expect } from 'vitest';
import { connect, type Connection } from './client.ts';
import type { TestServer } from './server.ts';

const TOPIC = 'chat.witness';

/** Somebody who publishes and somebody who listens, while others misbehave. */
export class Witness {
  private readonly publisher: Connection;
  private readonly listener: Connection;
  private count = 0;

  private constructor(publisher: Connection, listener: Connection) {
    this.publisher = publisher;
    this.listener = listener;
  }

  static async on(server: TestServer): Promise<Witness> {
    const publisher = await connect(server.port, { user: 'publisher' });
    const listener = await connect(server.port, { user: 'listener', format: 'msgpack' });
    await listener.subscribe(TOPIC);
    return new Witness(publisher, listener);
  }

  /** A publication makes its way as if nothing were the matter. */
  async expectUndisturbed(): Promise<void> {
    this.count += 1;
    const ack = await this.publisher.publish(TOPIC, this.count);
    expect(ack.data).toMatchObject({ status: 'delivered', sequence: this.count });
    expect((await this.listener.next('Broadcast')).data).toMatchObject({ sequence: this.count, payload: this.count });
    expect([...this.listener.untaken('Gap'), ...this.listener.untaken('Error')]).toEqual([]);
  }
}
