/** @file Figure: a fitted law among its runs, a line for each value of one quantity, as the size N or M = D/N.
 * After figure 4 of Kaplan et al. 2020 (a line a size over tokens), figure 3 of Muennighoff et al. 2023 (over epochs, a
 * panel for each amount of unique tokens) and figure 2 of Gadre et al. 2024 (over compute, a line for each M). A line is
 * solid along its own runs and thin beyond them; a second, dashed one is what would hold otherwise, as if no token were
 * repeated. Of more values than lines can be told apart some stand for their neighbours, whose runs are then rings with
 * a stem to what the law says at their own value.
 */
import type { LineOptions, Markish } from '@observablehq/plot';
import { formatCount } from '../../lib/format.ts';
import { createDocument, type SvgDocument, type SvgNode } from '../document.ts';
import { drawKey, type KeyItem } from '../key.ts';
import { choosePlaces, drawPlaced, endLabels, type Place } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet, type Frame, group, path } from '../panel.ts';
import { Plot } from '../plot.ts';
import { drawText, type RichText, textWidth } from '../rich-text.ts';
import { COLOR, FIGURE_WIDTH, FONT_SIZE, sequentialByRank, textColor } from '../theme.ts';
import { isPositive, logDomain } from '../ticks.ts';

interface LawRun {
  x: number;
  /** Measured: a loss, or what of it the law speaks of. */
  y: number;
  /** The quantity that tells the lines apart. */
  value: number;
}

export interface LawPanel {
  /** What its runs have in common; not shown where the panel is the only one. */
  heading: RichText;
  runs: readonly LawRun[];
  /** What the law says at x for a value. */
  at: (x: number, value: number) => number;
  /** What would hold otherwise, dashed. */
  otherwise?: (x: number, value: number) => number;
}

export interface LawLinesInput {
  /** What is drawn, for the description. */
  label: string;
  /** Of more than three those with runs at most places along x are shown. */
  panels: readonly LawPanel[];
  /** What tells panels apart, in the plural. */
  panelWords?: string;
  xTitle: RichText;
  /** Of the axis labels. Default power. */
  xFormat?: 'power' | 'plain';
  /** Below it the law says nothing. */
  xLeast?: number;
  yTitle: RichText;
  /** The quantity of the lines: above their labels, and in the plural. */
  valueTitle: RichText;
  valueWords: string;
  /** Relative distance within which values are one. Default 1e-3. */
  tolerance?: number;
  /** Lines at most. Default 8 in one panel, 6 in several. */
  mostLines?: number;
  /** What the dashed lines say. */
  otherwiseLabel?: string;
}

const HEIGHT = 400;
const LEFT = 58;
const GAP = 20;
const MOST_PANELS = 3;
/** Lines at most, in one panel and in narrower ones: more cannot be told apart. */
const MOST_LINES = [8, 6] as const;
const SAMPLES = 120;
/** Lines may widen the axis of the measured values by this share of it, on either side. */
const NEAR = 0.2;
const NOTE_HEIGHT = 15;

/** The figure as SVG, on log axes. */
export function lawLines(input: LawLinesInput): string {
  const document = createDocument();
  const { label, tolerance = 1e-3 } = input;
  const usable = input.panels
    .map((p) => ({ ...p, runs: p.runs.filter((r) => [r.x, r.y, r.value].every(isPositive)) }))
    .filter((p) => p.runs.length > 0);
  if (usable.length === 0) return drawMessage(document, label, 'No run lies where the law can be drawn.');
  const places = (p: LawPanel): number => new Set(p.runs.map((r) => r.x)).size;
  const byCover = [...usable].sort((p, q) => places(q) - places(p) || q.runs.length - p.runs.length);
  const picked = new Set(byCover.slice(0, MOST_PANELS));
  const kept = usable.filter((p) => picked.has(p));
  const isOne = kept.length === 1;
  const groups = alike(
    kept.flatMap((p) => p.runs.map((r) => r.value)),
    tolerance,
  );
  const values = ofMostRuns(groups, input.mostLines ?? MOST_LINES[isOne ? 0 : 1]);
  const colors = sequentialByRank(values);
  const panels = kept.map((panel) => shownPanel(panel, groups, values, input.xLeast));
  const notes = notesOf(input, { panels: [panels.length, usable.length], lines: [values.length, groups.length] });

  const measured = panels.flatMap((p) => p.runs.map((r) => r.y));
  const [least] = logDomain(measured, NEAR, 1.02)!;
  const drawn = panels.flatMap((p) => p.lines.flatMap((l) => [...l.whole, ...l.own, ...l.otherwise].map((s) => s.y)));
  // Lines fall: a start above the runs is not worth the room that an end below them is.
  const near = drawn.filter((y) => y > least && y < Math.max(...measured));
  const yDomain = logDomain([...measured, ...near], 0.04, 1.02)!;

  const labelWidth = Math.max(textWidth(input.valueTitle), ...values.map((v) => textWidth(formatCount(v))));
  const right = Math.ceil(labelWidth) + (isOne ? 26 : 46);
  const top = 40 + NOTE_HEIGHT * notes.length + (isOne ? 0 : 22);
  const inner = (FIGURE_WIDTH - LEFT - right - (panels.length - 1) * GAP) / panels.length;
  const sheet = { input, colors, yDomain, top, right, inner, notes, isOne };
  const content = panels.map((panel, i) => drawOne(document, panel, { ...sheet, i, isLast: i === panels.length - 1 }));
  const spoken = [`${measured.length} runs, lines at ${values.map((v) => formatCount(v)).join(', ')}`, ...notes];
  return drawSheet({ height: HEIGHT + top - 40, label: [label, ...spoken].join('; '), content });
}

interface Group {
  low: number;
  high: number;
  /** Geometric mean. */
  value: number;
  num_runs: number;
}

/** Values within `tolerance` of the smallest of them are one; ascending. */
function alike(values: readonly number[], tolerance: number): Group[] {
  const groups: number[][] = [];
  for (const value of [...values].sort((a, b) => a - b)) {
    const own = groups.at(-1);
    if (own && value <= own[0]! * (1 + tolerance)) own.push(value);
    else groups.push([value]);
  }
  return groups.map((own) => ({
    low: own[0]!,
    high: own.at(-1)!,
    value: own[0] === own.at(-1) ? own[0]! : Math.exp(own.reduce((sum, v) => sum + Math.log(v), 0) / own.length),
    num_runs: own.length,
  }));
}

/** At most `count` values: by rank in as many parts, of each the one with most runs. */
function ofMostRuns(groups: readonly Group[], count: number): number[] {
  const parts = Math.min(count, groups.length);
  const end = (i: number): number => Math.round((i * groups.length) / parts);
  return Array.from(
    { length: parts },
    (_, i) => groups.slice(end(i), end(i + 1)).reduce((p, q) => (q.num_runs > p.num_runs ? q : p)).value,
  );
}

function notesOf(
  { panelWords = 'panels', valueWords }: LawLinesInput,
  { panels, lines }: Record<'panels' | 'lines', readonly [shown: number, all: number]>,
): string[] {
  const fewer = [
    ...(panels[0] < panels[1] ? [`${panels[0]} of ${panels[1]} ${panelWords}, the best covered`] : []),
    ...(lines[0] < lines[1] ? [`lines at ${lines[0]} of ${lines[1]} ${valueWords}`] : []),
  ];
  return [
    ...(fewer.length > 0 ? [fewer.join('; ')] : []),
    ...(lines[0] < lines[1]
      ? ['rings: runs at the others, coloured as the nearest line, with a stem to what the law says of them']
      : []),
  ];
}

interface Spot {
  x: number;
  y: number;
}

interface ShownLine {
  value: number;
  /** From edge to edge, and along its runs, as the dashed one; where these are at one place it goes from edge to edge. */
  whole: Spot[];
  own: Spot[];
  otherwise: Spot[];
}

interface ShownPanel {
  heading: RichText;
  domain: [number, number];
  /** Each with the value of its line, whether it is its own, and what the law says of the run itself. */
  runs: (Spot & { line: number; isOwn: boolean; law: number })[];
  lines: ShownLine[];
}

function shownPanel(
  panel: LawPanel,
  groups: readonly Group[],
  values: readonly number[],
  xLeast: number | undefined,
): ShownPanel {
  const domain = logDomain(
    panel.runs.map((r) => r.x),
    0.06,
    2,
  )!;
  const runs = panel.runs.map(({ x, y, value }) => {
    const own = groups.find((g) => value <= g.high)!.value;
    const far = (v: number): number => Math.abs(Math.log(v / own));
    const line = values.reduce((p, q) => (far(q) < far(p) ? q : p));
    return { x, y, line, isOwn: line === own, law: panel.at(x, value) };
  });
  const lines = values.flatMap((value): ShownLine[] => {
    const xs = runs.filter((r) => r.line === value).map((r) => r.x);
    if (xs.length === 0) return [];
    const range = [Math.min(...xs), Math.max(...xs)] as const;
    const edges = [Math.max(domain[0], xLeast ?? 0), domain[1]] as const;
    const isWide = range[0] < range[1];
    const { at, otherwise } = panel;
    return [
      {
        value,
        whole: sampled((x) => at(x, value), edges),
        own: isWide ? sampled((x) => at(x, value), range) : [],
        otherwise: otherwise ? sampled((x) => otherwise(x, value), isWide ? range : edges) : [],
      },
    ];
  });
  return { heading: panel.heading, domain, runs, lines };
}

/** A function where it is positive, at places evenly spaced in log x. */
function sampled(at: (x: number) => number, [from, to]: readonly [number, number]): Spot[] {
  const xs = Array.from({ length: SAMPLES + 1 }, (_, i) => from * (to / from) ** (i / SAMPLES));
  return xs.map((x) => ({ x, y: at(x) })).filter((s) => isPositive(s.y));
}

interface Sheet {
  input: LawLinesInput;
  colors: ReadonlyMap<number, string>;
  yDomain: [number, number];
  top: number;
  right: number;
  /** Width of a plotting area. */
  inner: number;
  notes: readonly string[];
  isOne: boolean;
  i: number;
  isLast: boolean;
}

function drawOne(document: SvgDocument, panel: ShownPanel, sheet: Sheet): SvgNode {
  const { input, colors, yDomain, top, right, inner, notes, isOne, i, isLast } = sheet;
  const isFirst = i === 0;
  const left = isFirst ? LEFT : GAP;
  const margin = { top, right: isLast ? right : 0, bottom: 48, left };
  const color = ({ line }: { line: number }): string => colors.get(line)!;
  // A line that leaves the frame stops there, and may come back.
  const inside = (line: readonly Spot[]): Spot[] =>
    line.map(({ x, y }) => ({ x, y: y >= yDomain[0] && y <= yDomain[1] ? y : Number.NaN }));
  const clip = (y: number): number => Math.min(yDomain[1], Math.max(yDomain[0], y));
  const stroke = (line: readonly Spot[], value: number, options: LineOptions): Markish =>
    Plot.line(inside(line), { x: 'x', y: 'y', stroke: colors.get(value)!, ...options });
  const [own, near] = [panel.runs.filter((r) => r.isOwn), panel.runs.filter((r) => !r.isOwn)];
  const r = panel.runs.length > 150 ? 2.4 : 3.1;
  return drawPanel(document, {
    at: [isFirst ? 0 : LEFT + i * (inner + GAP) - GAP, 0],
    width: left + inner + margin.right,
    height: HEIGHT + top - 40,
    margin,
    x: { scale: 'log', domain: panel.domain, format: input.xFormat ?? 'power', title: input.xTitle },
    y: { scale: 'log', domain: yDomain, format: 'plain', ...(isFirst ? { title: input.yTitle } : { labels: false }) },
    marks: [
      ...panel.lines.map((l) => stroke(l.whole, l.value, { strokeWidth: 0.8, strokeOpacity: 0.75 })),
      ...panel.lines.map((l) => stroke(l.otherwise, l.value, { strokeWidth: 1.3, strokeDasharray: '4,3' })),
      ...panel.lines.map((l) => stroke(l.own, l.value, { strokeWidth: 2 })),
      Plot.link(
        near.flatMap(({ x, y, law, line }) => (isPositive(law) ? [{ x, y, law: clip(law), line }] : [])),
        { x: 'x', y1: 'y', y2: 'law', stroke: color, strokeWidth: 0.8 },
      ),
      Plot.dot(near, { x: 'x', y: 'y', r: r - 0.5, fill: COLOR.background, stroke: color, strokeWidth: 1.1 }),
      Plot.dot(own, { x: 'x', y: 'y', r, fill: color, stroke: COLOR.background, strokeWidth: 0.7 }),
    ],
    ...(isOne ? {} : { heading: panel.heading }),
    overlays: [
      (frame) => (isFirst ? drawHead(frame, notes, keyOf(input), isOne) : null),
      (frame) => (isLast ? drawLabels(frame, panel, sheet) : null),
    ],
  });
}

function keyOf({ panels, otherwiseLabel }: LawLinesInput): KeyItem[] {
  const has = otherwiseLabel !== undefined && panels.some((p) => p.otherwise !== undefined);
  return [
    { mark: 'dot', text: 'run' },
    { mark: 'line', text: 'law, thin beyond the runs' },
    ...(has ? [{ mark: 'dashed' as const, text: otherwiseLabel }] : []),
  ];
}

/** Above the panels: notes, then the key. */
function drawHead(frame: Frame, notes: readonly string[], key: readonly KeyItem[], isOne: boolean): SvgNode {
  const { document, left } = frame;
  const words = notes.map((text, row) =>
    drawText(document, { x: left, y: 12 + NOTE_HEIGHT * row, text, size: FONT_SIZE.note, fill: COLOR.muted }),
  );
  return group(document, {}, [...words, drawKey(isOne ? frame : { ...frame, top: frame.top - 22 }, key)]);
}

/** What the colours stand for: at the ends of the lines of a single panel, else in a column beside the last. */
function drawLabels(frame: Frame, panel: ShownPanel, { input, colors, yDomain, isOne }: Sheet): SvgNode {
  const { document } = frame;
  if (isOne) {
    const ends = panel.lines.flatMap(({ value, whole }) => {
      const end = whole.findLastIndex((s) => s.y >= yDomain[0] && s.y <= yDomain[1]);
      const label = { text: formatCount(value), color: colors.get(value)! };
      return end < 0
        ? []
        : [{ ...whole[end]!, ...label, line: whole.slice(0, end + 1), isAtEdge: end === whole.length - 1 }];
    });
    const atEdge = ends.filter((e) => e.isAtEdge);
    const within = ends
      .filter((e) => !e.isAtEdge)
      .map(({ line, ...label }) => ({ ...label, places: along(frame, line) }));
    const lines = panel.lines.map((l) => l.whole.map((s) => [frame.x(s.x), frame.y(s.y)] as const));
    const dots = panel.runs.map((run) => [frame.x(run.x), frame.y(run.y)] as const);
    const chosen = choosePlaces(frame, within, { lines, dots });
    const places = chosen.map((place, i) => place ?? within[i]!.places[0] ?? null);
    return group(document, {}, [endLabels(frame, atEdge, input.valueTitle), drawPlaced(frame, within, places)]);
  }
  const x = frame.right + 14;
  const nodes = [...colors].flatMap(([value, color], row) => {
    const y = frame.top + 28 + 17 * row;
    return [
      path(document, `M${x},${y}H${x + 18}`, { stroke: color, 'stroke-width': 2 }),
      drawText(document, { x: x + 24, y, text: formatCount(value), fill: textColor(color) }),
    ];
  });
  const title = drawText(document, { x, y: frame.top + 8, text: input.valueTitle, size: FONT_SIZE.note });
  return group(document, {}, [title, ...nodes]);
}

/** Places beside a line that leaves the frame, from where it does back along it. */
function along(frame: Frame, line: readonly Spot[]): Place[] {
  const back = Array.from({ length: 10 }, (_, i) => line[line.length - 1 - 3 * i]).filter((s) => s !== undefined);
  return back.flatMap((s) => {
    const [x, y] = [frame.x(s.x), Math.min(frame.y(s.y), frame.bottom - 9)];
    return [
      { x: x + 6, y: y - 5, anchor: 'start' as const },
      { x: x - 6, y, anchor: 'end' as const },
      { x: x - 2, y: y + 11, anchor: 'end' as const },
    ];
  });
}
