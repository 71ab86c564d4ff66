/** `signalbox doctor bundle`: an archive for the report of a fault. */
import { readFileSync, writeFileSync } from 'node:fs';
import { archiveOf } from '../doctor/bundle/archive.ts';
import { bundleOf } from '../doctor/bundle/contents.ts';
import type { Report } from '../doctor/examine.ts';
import type { Patient } from '../doctor/patient.ts';
import { UsageError, type Arguments } from './command.ts';

/** Only its owner may read it: names of users are in it. */
const MODE = 0o600;

/** @throws UsageError */
export async function writeBundle(
  args: Arguments,
  patient: Patient & { readonly token?: string },
  report: Report,
  text: string,
): Promise<string> {
  const now = patient.clock.now();
  const file = args.text('out') ?? `signalbox-doctor-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}.tar.gz`;
  const log = args.text('log');
  const secrets = [patient.token, process.env['ADMIN_TOKEN']].flatMap((secret) => secret ?? []);
  const given = { patient, report, text, log: log === undefined ? null : readLog(log), secrets };
  const entries = await bundleOf(given);
  try {
    writeFileSync(file, archiveOf(entries, now), { mode: MODE, flag: 'wx' });
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error);
    throw new UsageError(`expected --out with a file that can be made and is not there yet, got ${file}: ${got}`);
  }
  return `${file}: ${entries.map(({ name }) => name.split('/').at(-1)).join(', ')}\nRead it before you give it away: names of users and topics and addresses are in it, no secrets, no messages.`;
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`expected --log with a file that can be read, got ${path}: ${String(error)}`);
  }
}
