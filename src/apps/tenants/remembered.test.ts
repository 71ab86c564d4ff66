import { describe, expect, test } from 'vitest';
import { Remembered } from './remembered.ts';

class Table {
  now = 0;
  reads = 0;
  value: string | null = 'one';
  trouble: Error | null = null;
  private waiting: (() => void)[] = [];
  readonly remembered = new Remembered<string | null>({
    load: async () => {
      this.reads += 1;
      const { value, trouble } = this;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
      if (trouble !== null) throw trouble;
      return value;
    },
    clock: { elapsed: () => this.now },
    ageMs: 10,
    staleMs: 100,
    capacity: 2,
    isTemporary: (error) => String(error).includes('away'),
  });

  async get(key = 'a'): Promise<string | null> {
    const asked = this.remembered.get(key);
    this.answer();
    return asked;
  }

  answer(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

describe('what is remembered', () => {
  test('is read once for all who ask, and believed for its age', async () => {
    const table = new Table();
    const asked = [table.remembered.get('a'), table.remembered.get('a')];
    table.answer();
    expect(await Promise.all(asked)).toEqual(['one', 'one']);
    table.value = 'two';
    table.now = 9;
    expect([await table.get(), table.reads]).toEqual(['one', 1]);
    table.now = 10;
    expect([await table.get(), table.reads]).toEqual(['two', 2]);
  });

  test('that there is nothing is remembered too', async () => {
    const table = new Table();
    table.value = null;
    expect([await table.get(), await table.get(), table.reads]).toEqual([null, null, 1]);
  });

  test('an answer that was under way when a change was told is not kept', async () => {
    const table = new Table();
    const asked = table.remembered.get('a');
    table.value = 'two';
    table.remembered.forget('a');
    table.answer();
    expect(await asked).toBe('one');
    expect(await table.get()).toBe('two');
  });

  test('while the table is away the old answer is good for a while; a change that was told is not answered by it', async () => {
    const table = new Table();
    await table.get();
    table.trouble = new Error('away');
    table.now = 50;
    expect(await table.get()).toBe('one');
    table.now = 101;
    await expect(table.get()).rejects.toThrow('away');
    table.trouble = new Error('refused');
    table.now = 20;
    await expect(table.get()).rejects.toThrow('refused');
    table.trouble = new Error('away');
    table.remembered.forget('a');
    await expect(table.get()).rejects.toThrow('away');
  });

  test('has a bound', async () => {
    const table = new Table();
    for (const key of ['a', 'b', 'c']) await table.get(key);
    expect(table.remembered.size).toBe(2);
  });
});
