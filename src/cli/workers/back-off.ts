/** When a worker that crashed is started again, and when somebody has to be told. */

const FIRST_MS = 200;
const LONGEST_MS = 30_000;
/** Crashes in a row before the first alert, and between further ones. */
const ALERT_AT = 3;
const ALERT_AGAIN = 10;
/** A worker that served for so long has not failed to start: the count of its crashes begins anew. */
export const STABLE_MS = 60_000;

/**
 * Doubles with every crash in a row, up to 30 s.
 * @param crashes in a row, from 1 on
 * @param fraction uniform in [0, 1): a quarter up or down, so that workers that fell together do not start together
 * @returns milliseconds
 */
export function restartDelay(crashes: number, fraction: number): number {
  const delay = Math.min(LONGEST_MS, FIRST_MS * 2 ** (crashes - 1));
  return Math.round(Math.min(LONGEST_MS, delay * (0.75 + fraction / 2)));
}

/** The third crash in a row, and every tenth from then on. */
export function isAlarming(crashes: number): boolean {
  return crashes >= ALERT_AT && (crashes - ALERT_AT) % ALERT_AGAIN === 0;
}
