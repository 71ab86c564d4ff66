import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Alerts } from './alerts.ts';
import type { Log, LogFields } from './log.ts';
import { silentLog } from './log.ts';

let server: Server | null = null;
afterEach(() => server?.close());

/** A webhook that hands over every body it gets. */
async function webhook(status: number, received: (body: unknown) => void): Promise<string> {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(status).end();
      received(JSON.parse(Buffer.concat(chunks).toString()));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`;
}

function recordingLog(lines: { level: string; message: string; fields: LogFields }[], onLine = (): void => {}): Log {
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields });
      onLine();
    };
  return { ...silentLog, error: write('error'), warn: write('warn') };
}

test('an alert is a critical log line and a POST to the webhook', async () => {
  const lines: { level: string; message: string; fields: LogFields }[] = [];
  const body = await new Promise((resolve, reject) => {
    webhook(200, resolve).then(
      (url) => new Alerts(recordingLog(lines), url).raise('actor c-1 stopped', { actor: 'c-1', restarts: 5 }),
      reject,
    );
  });
  expect(body).toEqual({ severity: 'critical', message: 'actor c-1 stopped', actor: 'c-1', restarts: 5 });
  expect(lines).toEqual([
    { level: 'error', message: 'actor c-1 stopped', fields: { alert: 'critical', actor: 'c-1', restarts: 5 } },
  ]);
});

test('a webhook that refuses or is not there is logged, and nothing throws', async () => {
  const lines: { level: string; message: string; fields: LogFields }[] = [];
  const url = await webhook(500, () => {});
  await new Promise<void>((resolve) =>
    new Alerts(
      recordingLog(lines, () => lines.length === 2 && resolve()),
      url,
    ).raise('one', {}),
  );
  expect(lines[1]).toEqual({
    level: 'warn',
    message: 'Alert webhook did not accept the alert',
    fields: { status: 500 },
  });
  const more: typeof lines = [];
  await new Promise<void>((resolve) =>
    new Alerts(
      recordingLog(more, () => more.length === 2 && resolve()),
      'http://127.0.0.1:1/',
    ).raise('two', {}),
  );
  expect(more[1]?.message).toBe('Alert webhook not reached');
});
