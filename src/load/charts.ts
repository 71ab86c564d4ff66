/** Line charts as SVG text: no scripts, no resources, colours from the page's style so that light and dark both work. */

interface Line {
  readonly name: string;
  /** A class of the page's style: `a`, `b` or `c`. */
  readonly style: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

interface Axis {
  readonly isLog: boolean;
  label(value: number): string;
}

export interface Mark {
  readonly x: number;
  readonly label: string;
}

export interface Chart {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly y: Axis;
  readonly xTicks: readonly (readonly [x: number, label: string])[];
  /** What happened when. */
  readonly marks?: readonly Mark[];
  /** What a reader sees who points at a place. */
  describe(x: number): string;
}

const [WIDTH, HEIGHT] = [760, 240];
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 12, 14, 26];
/** Beyond, neighbours are drawn as one point: the worst of them. */
const MAX_POINTS = 380;

export function lineChart(chart: Chart): string {
  const lines = chart.lines.map((line) => ({ ...line, points: thinned(line.points) })).filter(hasPoints);
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0)
    return `<figure><figcaption>${escape(chart.title)}</figcaption><p>nothing measured</p></figure>`;
  const xs = all.map(([x]) => x);
  const xScale = linear(Math.min(...xs), Math.max(...xs), LEFT, WIDTH - RIGHT);
  const { ticks, scale } = yAxis(
    all.map(([, y]) => y),
    chart.y.isLog,
  );
  const grid = ticks.map((tick) => {
    const y = scale(tick).toFixed(1);
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/><text class="tick" x="${LEFT - 8}" y="${y}" dy="0.32em" text-anchor="end">${escape(chart.y.label(tick))}</text>`;
  });
  const bottom = HEIGHT - BOTTOM;
  const xLabels = chart.xTicks.map(([x, label]) => {
    const at = xScale(x);
    const anchor = at > WIDTH - RIGHT - 16 ? 'end' : 'middle';
    return `<text class="tick" x="${at.toFixed(1)}" y="${bottom + 17}" text-anchor="${anchor}">${escape(label)}</text>`;
  });
  const marks = (chart.marks ?? []).map(({ x, label }) => {
    const at = xScale(x).toFixed(1);
    return `<line class="mark" x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}"><title>${escape(label)}</title></line><text class="tick" x="${at}" y="${TOP - 3}" text-anchor="middle">${escape(label)}</text>`;
  });
  const paths = lines.map(({ style, points }) => {
    const d = points.map(([x, y]) => `${xScale(x).toFixed(1)},${scale(y).toFixed(1)}`).join(' ');
    // A single second is a dot: a line of one point shows nothing.
    return points.length === 1
      ? `<circle class="dot ${style}" cx="${d.split(',')[0]}" cy="${d.split(',')[1]}" r="3"/>`
      : `<polyline class="line ${style}" points="${d}"/>`;
  });
  const legend = lines.map(({ name, style }) => `<span><i class="${style}"></i>${escape(name)}</span>`).join('');
  return [
    `<figure><figcaption>${escape(chart.title)}<span class="legend">${legend}</span></figcaption>`,
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(chart.title)}">`,
    ...grid,
    ...xLabels,
    ...marks,
    ...paths,
    ...hoverBands(lines[0]?.points.map(([x]) => x) ?? [], xScale, chart),
    '</svg></figure>',
  ].join('\n');
}

/** Invisible bands with a native tooltip. */
function hoverBands(xs: readonly number[], scale: (x: number) => number, chart: Chart): string[] {
  return xs.map((x, at) => {
    const left = at === 0 ? LEFT : (scale(xs[at - 1] as number) + scale(x)) / 2;
    const right = at === xs.length - 1 ? WIDTH - RIGHT : (scale(x) + scale(xs[at + 1] as number)) / 2;
    return `<rect class="hover" x="${left.toFixed(1)}" y="${TOP}" width="${(right - left).toFixed(1)}" height="${HEIGHT - BOTTOM - TOP}"><title>${escape(chart.describe(x))}</title></rect>`;
  });
}

function hasPoints({ points }: Line): boolean {
  return points.length > 0;
}

function thinned(points: Line['points']): Line['points'] {
  const step = Math.ceil(points.length / MAX_POINTS);
  if (step <= 1) return points;
  const thin: (readonly [number, number])[] = [];
  for (let at = 0; at < points.length; at += step) {
    const group = points.slice(at, at + step);
    thin.push([(group[0] as readonly [number, number])[0], Math.max(...group.map(([, y]) => y))]);
  }
  return thin;
}

function linear(from: number, to: number, start: number, end: number): (value: number) => number {
  const span = to - from;
  return (value) => (span === 0 ? (start + end) / 2 : start + ((value - from) / span) * (end - start));
}

function yAxis(
  values: readonly number[],
  isLog: boolean,
): { readonly ticks: readonly number[]; readonly scale: (value: number) => number } {
  const most = Math.max(...values);
  const bottom = HEIGHT - BOTTOM;
  if (!isLog || most <= 0) {
    const step = niceStep(most / 4);
    const top = Math.max(step, Math.ceil(most / step) * step);
    const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step);
    return { ticks, scale: linear(0, top, bottom, TOP) };
  }
  const least = Math.min(...values.filter((value) => value > 0));
  const first = Math.floor(Math.log10(least));
  const last = Math.max(first + 1, Math.ceil(Math.log10(most)));
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => 10 ** (first + at));
  const scale = linear(first, last, bottom, TOP);
  return { ticks, scale: (value) => scale(Math.log10(Math.max(value, 10 ** first))) };
}

/** 1, 2 or 5 times a power of ten, not below the value. */
function niceStep(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10);
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
