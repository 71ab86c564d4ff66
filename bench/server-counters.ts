/** What Signalbox says of itself and must say 0. */
export async function readCounters(port: number): Promise<{ unaccounted: number; nativeDropped: number }> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics.json`);
  const { metrics } = (await response.json()) as { metrics: Record<string, number | undefined> };
  const read = (name: string): number => {
    const value = metrics[name] ?? metrics[`signalbox_${name}`];
    if (value === undefined) throw new Error(`expected the metric ${name} in /metrics.json`);
    return value;
  };
  return { unaccounted: read('delivery_unaccounted'), nativeDropped: read('native_dropped_total') };
}
