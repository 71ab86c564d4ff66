/** Charts as SVG text, without a library: bars with ranges, and lines. Readable on light and dark pages. */
import type { Bar, BarChart, LineChart } from '../section.ts';
import { short } from '../statistics.ts';

const WIDTH = 760;
const ROW = 26;
const LABELS = 270;
const VALUES = 90;
const TOP = 34;
const COLOURS = { ours: '#2563eb', theirs: '#9ca3af', text: '#6b7280', range: '#111827', grid: '#d1d5db' } as const;
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

export function chart(spec: BarChart | LineChart): string {
  return spec.kind === 'bars' ? bars(spec) : line(spec);
}

function bars({ title, bars: rows }: BarChart): string {
  const room = WIDTH - LABELS - VALUES;
  const largest = Math.max(...rows.map(({ high }) => high));
  const scale = (value: number): number => (value / largest) * room;
  const body = rows.map((row, at) => bar(row, TOP + at * ROW, scale)).join('\n');
  return frame(TOP + rows.length * ROW + 8, title, body);
}

function bar({ label, value, low, high, isOurs }: Bar, y: number, scale: (value: number) => number): string {
  const middle = y + ROW / 2;
  return [
    `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end" fill="${COLOURS.text}"${isOurs ? ' font-weight="bold"' : ''}>${escape(label)}</text>`,
    `<rect x="${LABELS}" y="${y + 4}" width="${scale(value).toFixed(1)}" height="${ROW - 8}" rx="2" fill="${isOurs ? COLOURS.ours : COLOURS.theirs}"/>`,
    `<line x1="${(LABELS + scale(low)).toFixed(1)}" x2="${(LABELS + scale(high)).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${COLOURS.range}" stroke-width="1.5"/>`,
    `<text x="${(LABELS + scale(high) + 8).toFixed(1)}" y="${middle + 4}" fill="${COLOURS.text}">${short(value)}</text>`,
  ].join('');
}

function line({ title, points, xLabel, yLabel, isLogX }: LineChart): string {
  const [left, right, top, bottom, height] = [70, WIDTH - 30, TOP + 10, 270, 310];
  const along = (x: number): number => (isLogX ? Math.log10(x) : x);
  const xs = points.map(({ x }) => along(x));
  const [least, most] = [isLogX ? Math.min(...xs) : 0, Math.max(...xs)];
  const highest = Math.max(...points.map(({ y }) => y)) * 1.1;
  const toX = (x: number): number => left + ((along(x) - least) / (most - least)) * (right - left);
  const toY = (y: number): number => bottom - (y / highest) * (bottom - top);
  const path = points
    .map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`)
    .join(' ');
  const marks = points
    .map(
      ({ x, y }) =>
        `<circle cx="${toX(x).toFixed(1)}" cy="${toY(y).toFixed(1)}" r="3.5" fill="${COLOURS.ours}"/>` +
        `<text x="${toX(x).toFixed(1)}" y="${(toY(y) - 9).toFixed(1)}" text-anchor="middle" fill="${COLOURS.text}">${short(y)}</text>` +
        `<text x="${toX(x).toFixed(1)}" y="${bottom + 16}" text-anchor="middle" fill="${COLOURS.text}">${x.toLocaleString('en')}</text>`,
    )
    .join('');
  const axes = `<path d="M${left} ${top} L${left} ${bottom} L${right} ${bottom}" fill="none" stroke="${COLOURS.grid}"/>`;
  const names =
    `<text x="${(left + right) / 2}" y="${bottom + 34}" text-anchor="middle" fill="${COLOURS.text}">${escape(xLabel)}</text>` +
    `<text x="16" y="${(top + bottom) / 2}" text-anchor="middle" fill="${COLOURS.text}" transform="rotate(-90 16 ${(top + bottom) / 2})">${escape(yLabel)}</text>`;
  return frame(
    height,
    title,
    `${axes}<path d="${path}" fill="none" stroke="${COLOURS.ours}" stroke-width="2"/>${marks}${names}`,
  );
}

function frame(height: number, title: string, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" ${FONT}>
<title>${escape(title)}</title>
<text x="8" y="20" font-size="14" font-weight="bold" fill="${COLOURS.text}">${escape(title)}</text>
${body}
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
