/** One line while a run goes on: rewritten on a terminal, a line every few seconds elsewhere. */
import { count } from './plan-text.ts';
import { ms, percent } from './report-table.ts';
import type { LoadRun } from './run.ts';

const REDRAW_MS = 500;
/** Into files and pipes, where every line stays: so many lines in all, but not more often than once a second. */
const LINES = 30;

/** To the start of the line, which is emptied. */
const ERASE = '\r\u001b[2K';

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** @param durationMs of the run, about. @returns how to end it */
export function showProgress(text: () => string, output: ProgressOutput, durationMs: number): () => void {
  const isTerminal = output.isTTY === true;
  const show = (): void => {
    if (!isTerminal) output.write(`${text()}\n`);
    else output.write(`${ERASE}${text().slice(0, width(output) - 1)}`);
  };
  const timer = setInterval(show, isTerminal ? REDRAW_MS : Math.max(1_000, durationMs / LINES));
  show();
  return () => {
    clearInterval(timer);
    if (isTerminal) output.write(ERASE);
  };
}

/** Some terminals say that they have no columns. */
function width({ columns = 0 }: ProgressOutput): number {
  return columns > 1 ? columns : 120;
}

export function progressText(run: LoadRun, wanted: number, totalSeconds: number): string {
  const { series, phase } = run;
  const ticks = series.latest.flatMap((tick) => tick ?? []);
  const open = ticks.reduce((sum, tick) => sum + tick.open, 0);
  if (phase === 'preparing') return 'preparing: threads and tokens';
  if (phase === 'connecting') return `connecting: ${count(open)} of ${count(wanted)} open`;
  const elapsed = Math.max(0, Math.floor((run.clock.now() - run.measureFrom) / 1e6));
  const last = series.seconds.at(-1);
  const busiest = Math.max(0, ...ticks.map(({ cpuUs, elapsedUs }) => cpuUs / Math.max(1, elapsedUs)));
  const { lost, duplicates, reordered } = series.checks;
  const parts = [
    `${phase}${phase === 'measuring' ? ` ${elapsed}/${totalSeconds} s` : ''}`,
    `${count(open)} open`,
    ...(last === undefined
      ? []
      : [
          `${count(last.published)} pub/s`,
          `${count(last.deliveries)} del/s`,
          `p50 ${ms(last.p50)}`,
          `p99 ${ms(last.p99)}`,
        ]),
    `lost ${count(lost)}`,
    ...(duplicates + reordered > 0 ? [`duplicates ${count(duplicates)}`, `out of order ${count(reordered)}`] : []),
    `generator ${percent(busiest)}`,
  ];
  return parts.join(' · ');
}
