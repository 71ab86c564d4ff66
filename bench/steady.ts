/** Sends at a steady rate, by the clock and not by a timer's count: a late timer makes up for what it missed. */
import { pause } from './pause.ts';

/** In steps of so many seconds, as a crowd of clients would. */
const STEP_SECS = 0.001;

/** @param send told the number of each, from 0 @returns how many were sent */
export async function sendSteadily(
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
  send: (number: number) => void,
  { now = (): number => performance.now(), wait = pause } = {},
): Promise<number> {
  const started = now();
  let sent = 0;
  for (let passed = 0; passed < seconds; passed = (now() - started) / 1_000) {
    for (const due = Math.floor(passed * rate); sent < due; sent += 1) send(sent);
    await wait(STEP_SECS);
  }
  return sent;
}
