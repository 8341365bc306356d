/** @file Figure: the exponents a and b by approach and counting with their intervals, a forest plot.
 * `N_opt ~ C^a`, `D_opt ~ C^b`. What tells this study's answers apart from each other and from the papers' is the
 * point of the whole lab, so every row prints its numbers beside its interval, and the papers' values (Kaplan et al. 2020:
 * .73 and .27; Hoffmann et al. 2022: .50 and .50) and theory's, where there is one, are lines through all rows.
 */

import { formatFixed, formatInterval } from '../../lib/format.ts';
import { createDocument, type SvgDocument, type SvgNode } from '../document.ts';
import { spread } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet, type Frame, group, path } from '../panel.ts';
import { Plot } from '../plot.ts';
import { bold, drawText, it, join, shorten, sub, sup, textWidth } from '../rich-text.ts';
import { CATEGORY, COLOR, FONT_SIZE, textColor } from '../theme.ts';
import { isPlottable, linearDomain } from '../ticks.ts';

export interface ExponentRow {
  /** Who says so: "Approach 2", "Approach 3". */
  approach: string;
  /** What N and C count: "total", "non_embedding". */
  counting: string;
  exponent: 'a' | 'b';
  /** Null where the fit was refused. */
  value: number | null;
  /** 90% */
  interval: readonly [number, number] | null;
  /** Why there is no value, or a warning. */
  note?: string;
  /** A paper's number for the same row. */
  theirs?: number;
}

interface ExponentReference {
  label: string;
  a: number;
  b: number;
  color: string;
  dash: string;
}

export interface ExponentsInput {
  rows: readonly ExponentRow[];
  /** Default: the papers. */
  references?: readonly ExponentReference[];
  /** The exponents that theory gives for the language, for example `a = 1 / (2 + s)`; drawn as one more reference. */
  theory?: { label: string; a: number; b: number };
}

const PAPER_EXPONENTS: readonly ExponentReference[] = [
  { label: 'Kaplan', a: 0.73, b: 0.27, color: CATEGORY.kaplan, dash: '7,4' },
  { label: 'Hoffmann', a: 0.5, b: 0.5, color: CATEGORY.chinchilla, dash: '2,3' },
];

const LABEL = 'Scaling exponents by approach and counting';
const ROW = 25;
const TOP = 52;
/** Row labels longer than this many pixels are cut. */
const LONGEST = 230;
const BOTTOM = 48;

/** The figure as SVG; rows keep their order, a above b. */
export function exponents({ rows, references = PAPER_EXPONENTS, theory }: ExponentsInput): string {
  const document = createDocument();
  const lines: ExponentReference[] = [...references];
  if (theory !== undefined && isPlottable(theory.a) && isPlottable(theory.b)) {
    lines.push({ ...theory, color: CATEGORY.theory, dash: '9,3,2,3' });
  }
  const shown = rows.map((r) => (isPlottable(r.value) ? r : { ...r, value: null, interval: null }));
  if (shown.length === 0) return drawMessage(document, LABEL, 'No exponent was fitted.');
  const values = [
    ...shown.flatMap((r) => [r.value, r.theirs ?? null].filter(isPlottable)),
    ...lines.flatMap((l) => [l.a, l.b]),
  ];
  const ends = shown.flatMap((r) => r.interval ?? []).filter((v) => v > -0.5 && v < 1.5);
  const domain = linearDomain([...values, ...ends], 0.08, 0.3) ?? [0, 1];

  const numbers = shown.map(rowNumbers);
  const left = Math.ceil(Math.max(...shown.map((r) => textWidth(rowLabel(r))))) + 24;
  const right = Math.ceil(Math.max(60, ...numbers.map((n) => textWidth(n)))) + 26;
  const content: SvgNode[] = [];
  let top = 0;
  for (const exponent of ['a', 'b'] as const) {
    const own = shown.filter((r) => r.exponent === exponent);
    if (own.length === 0) continue;
    content.push(drawSection(document, { exponent, rows: own, lines, domain, top, left, right }));
    top += TOP + own.length * ROW + BOTTOM;
  }
  const spoken = shown.map(
    (r) => `${r.exponent} by ${r.approach}, ${r.counting}: ${formatInterval(r.value, r.interval)}`,
  );
  return drawSheet({ height: top, label: [LABEL, ...spoken].join('; '), content });
}

interface SectionOptions {
  exponent: 'a' | 'b';
  rows: readonly ExponentRow[];
  lines: readonly ExponentReference[];
  domain: readonly [number, number];
  top: number;
  left: number;
  right: number;
}

function drawSection(document: SvgDocument, options: SectionOptions): SvgNode {
  const { exponent, rows, lines, domain, top, left, right } = options;
  const bars = rows.flatMap((r, y) => {
    const [lo, hi] = r.interval ?? [Number.NaN, Number.NaN];
    if (!isPlottable(lo) || !isPlottable(hi) || hi < domain[0] || lo > domain[1]) return [];
    return [{ y, x1: Math.max(lo, domain[0]), x2: Math.min(hi, domain[1]), isCut: [lo < domain[0], hi > domain[1]] }];
  });
  const dots = rows.flatMap((r, y) => (r.value === null ? [] : [{ y, x: r.value }]));
  const theirs = rows.flatMap((r, y) => (r.theirs === undefined ? [] : [{ y, x: r.theirs }]));
  const name = exponent === 'a' ? ['exponent ', it('a'), ' of ', it('N')] : ['exponent ', it('b'), ' of ', it('D')];
  return drawPanel(document, {
    at: [0, top],
    height: TOP + rows.length * ROW + BOTTOM,
    margin: { top: TOP, right, bottom: BOTTOM, left },
    x: {
      scale: 'linear',
      domain,
      format: 'plain',
      title: join(name, [sub('opt'), ' ~ ', it('C'), sup(exponent)]),
    },
    y: { scale: 'linear', domain: [rows.length - 0.5, -0.5], format: 'plain', ticks: false },
    marks: [
      ...lines.map((l) => Plot.ruleX([l[exponent]], { stroke: l.color, strokeWidth: 1.5, strokeDasharray: l.dash })),
      Plot.link(bars, { x1: 'x1', x2: 'x2', y1: 'y', y2: 'y', stroke: CATEGORY.ours, strokeWidth: 2.2 }),
      Plot.dot(theirs, {
        x: 'x',
        y: 'y',
        r: 4.2,
        symbol: 'diamond',
        fill: COLOR.background,
        stroke: COLOR.ink,
        strokeWidth: 1.4,
      }),
      Plot.dot(dots, { x: 'x', y: 'y', r: 4.4, fill: CATEGORY.ours, stroke: COLOR.background, strokeWidth: 1 }),
    ],
    overlays: [
      (frame) =>
        referenceLabels(
          frame,
          lines.map((l) => ({ value: l[exponent], label: l.label, color: l.color })),
        ),
      (frame) => {
        const nodes = rows.flatMap((row, i) => {
          const y = frame.y(i);
          const isMissing = row.value === null;
          const fill = isMissing ? COLOR.muted : COLOR.ink;
          const why = row.note ?? 'no estimate';
          return [
            drawText(document, { x: frame.left - 14, y, text: rowLabel(row), anchor: 'end' }),
            drawText(document, { x: frame.right + 14, y, text: rowNumbers(row), fill }),
            ...(isMissing
              ? [
                  drawText(document, {
                    x: (frame.left + frame.right) / 2,
                    y,
                    text: why,
                    anchor: 'middle',
                    fill,
                    halo: true,
                  }),
                ]
              : []),
          ];
        });
        const cuts = bars.flatMap(({ y, x1, x2, isCut }) =>
          [x1, x2].flatMap((x, side) =>
            isCut[side] ? [arrow(frame, frame.x(x), frame.y(y), side === 0 ? -1 : 1)] : [],
          ),
        );
        const head = drawText(document, {
          x: frame.right + 14,
          y: frame.top - 16,
          text: '90% interval',
          size: FONT_SIZE.note,
          fill: COLOR.muted,
        });
        const title = drawText(document, { x: 12, y: frame.top - 16, text: [bold(exponent)], size: FONT_SIZE.title });
        return group(document, {}, [...nodes, ...cuts, head, title]);
      },
    ],
  });
}

/** An arrow head where an interval goes on beyond the axis. */
function arrow({ document }: Frame, x: number, y: number, side: -1 | 1): SvgNode {
  const d = `M${x - 1 * side},${y - 5}L${x + 6 * side},${y}L${x - 1 * side},${y + 5}Z`;
  return path(document, d, { fill: CATEGORY.ours });
}

function rowLabel({ approach, counting }: ExponentRow): string {
  return shorten(counting === '' ? approach : `${approach}, ${counting}`, LONGEST);
}

function rowNumbers(row: ExponentRow): string {
  return row.value === null ? 'refused' : formatInterval(row.value, row.interval).replaceAll('-', '−');
}

/** Names and values of the reference lines above the frame, moved apart sideways. */
function referenceLabels(frame: Frame, lines: readonly { value: number; label: string; color: string }[]): SvgNode {
  const { document } = frame;
  const texts = lines.map((l) => `${l.label} ${formatFixed(l.value)}`);
  const widths = texts.map((t) => textWidth(t, FONT_SIZE.note));
  const gap = Math.max(0, ...widths) + 12;
  const wanted = lines.map((l) => frame.x(l.value));
  const placed = spread(wanted, gap, frame.left + gap / 2 - 20, frame.right - gap / 2 + 20);
  const nodes = lines.flatMap((line, i) => {
    const y = frame.top - 24;
    return [
      path(document, `M${wanted[i]},${frame.top}L${placed[i]},${y + 9}`, { stroke: line.color, 'stroke-width': 0.8 }),
      drawText(document, {
        x: placed[i]!,
        y,
        text: texts[i]!,
        size: FONT_SIZE.note,
        anchor: 'middle',
        fill: textColor(line.color),
      }),
    ];
  });
  return group(document, {}, nodes);
}
