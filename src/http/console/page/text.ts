/** Numbers and times as people read them. */

/** Made once: making one costs more than writing a number. */
const [WHOLE, FRACTION] = [new Intl.NumberFormat('en'), new Intl.NumberFormat('en', { maximumFractionDigits: 1 })];

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(count: number): string {
  const power = count < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(count) / 10));
  const value = count / 1_024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power] ?? ''}`;
}

export function count(value: number): string {
  return (Number.isInteger(value) ? WHOLE : FRACTION).format(value);
}

export function duration(secs: number): string {
  const whole = Math.max(0, Math.round(secs));
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

export function millis(value: number): string {
  return value >= 10_000 ? duration(value / 1_000) : `${value >= 10 ? Math.round(value) : Number(value.toFixed(2))} ms`;
}

/** @param at ms since 1970 */
export function clockTime(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

export function dateTime(at: number): string {
  return new Date(at).toISOString().replace('T', ' ').slice(0, 19);
}
