/** A server that was started with an inspector: its memory without what only waits to be collected. */
const OPEN_MS = 10_000;

export class Inspected {
  private readonly socket: WebSocket;
  private asked = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
  }

  /** For `NODE_OPTIONS` of the server. */
  static option(port: number): string {
    return `--inspect=127.0.0.1:${port}`;
  }

  static async connect(port: number): Promise<Inspected> {
    const answer = await fetch(`http://127.0.0.1:${port}/json`, { signal: AbortSignal.timeout(OPEN_MS) });
    const [target] = (await answer.json()) as readonly { readonly webSocketDebuggerUrl: string }[];
    if (target === undefined) throw new Error(`expected a process behind the inspector on port ${port}`);
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', reject, { once: true });
    });
    return new Inspected(socket);
  }

  /** Collects, twice as what has finalizers goes with the second. @returns bytes of V8's heap that are in use, by code too */
  async heapBytes(): Promise<number> {
    for (let left = 2; left > 0; left -= 1) await this.call('HeapProfiler.collectGarbage');
    const { usedSize } = (await this.call('Runtime.getHeapUsage')) as { readonly usedSize: number };
    return usedSize;
  }

  close(): void {
    this.socket.close();
  }

  private call(method: string): Promise<unknown> {
    this.asked += 1;
    const id = this.asked;
    return new Promise((resolve, reject) => {
      const heard = ({ data }: MessageEvent): void => {
        const answer = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: { message: string } };
        if (answer.id !== id) return;
        this.socket.removeEventListener('message', heard);
        if (answer.error === undefined) resolve(answer.result);
        else reject(new Error(`${method}: ${answer.error.message}`));
      };
      this.socket.addEventListener('message', heard);
      this.socket.send(JSON.stringify({ id, method }));
    });
  }
}
