/** @file Direct labels: words beside what they name, instead of a legend, kept apart from each other and from the data.
 * Two ways. `placeLabels` tries the places each label allows, best first, and takes the first free one. `endLabels`
 * sets a column right of the frame, spread by isotonic regression (Ayer et al. 1955): of all placements with the least
 * gap and inside the frame, the one closest to where the labels belong; a thin leader joins each to its line's end.
 */
import type { SvgNode } from './document.ts';
import { type Frame, group, path } from './panel.ts';
import { drawText, type RichText, textWidth } from './rich-text.ts';
import { COLOR, FONT_SIZE, textColor } from './theme.ts';

const LINE_HEIGHT = FONT_SIZE.label + 3;

/** Positions in [lo, hi], in the order of `wanted`, at least `gap` apart, nearest to `wanted` in squared distance.
 * Where all do not fit, the gap shrinks so that they do. */
export function spread(wanted: readonly number[], gap: number, lo: number, hi: number): number[] {
  const n = wanted.length;
  if (n === 0) return [];
  const step = n > 1 ? Math.min(gap, (hi - lo) / (n - 1)) : 0;
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  const blocks: { sum: number; size: number }[] = [];
  for (const [rank, i] of order.entries()) {
    blocks.push({ sum: wanted[i]! - rank * step, size: 1 });
    while (blocks.length > 1) {
      const [last, before] = [blocks.at(-1)!, blocks.at(-2)!];
      if (before.sum / before.size <= last.sum / last.size) break;
      blocks.splice(-2, 2, { sum: before.sum + last.sum, size: before.size + last.size });
    }
  }
  const out = new Array<number>(n);
  let rank = 0;
  for (const block of blocks) {
    const base = Math.min(Math.max(block.sum / block.size, lo), hi - (n - 1) * step);
    for (let k = 0; k < block.size; k++, rank++) out[order[rank]!] = base + rank * step;
  }
  return out;
}

export interface EndLabel {
  /** The end of the line in data units. */
  x: number;
  y: number;
  text: RichText;
  color: string;
}

/** Labels in a column right of the frame at the height of their line ends, each with a leader from its end. */
export function endLabels(frame: Frame, labels: readonly EndLabel[], title?: RichText): SvgNode {
  const { document } = frame;
  const column = frame.right + 16;
  const wanted = labels.map((l) => frame.y(l.y));
  const placed = spread(wanted, LINE_HEIGHT, frame.top + (title === undefined ? 4 : 18), frame.bottom - 4);
  const nodes: SvgNode[] = [];
  for (const [i, label] of labels.entries()) {
    const [x, y, to] = [frame.x(label.x), wanted[i]!, placed[i]!];
    const d = `M${x + 4},${y}H${Math.max(x + 4, frame.right + 1)}L${column - 3},${to}`;
    nodes.push(path(document, d, { stroke: label.color, 'stroke-width': 0.75, 'stroke-opacity': 0.55, fill: 'none' }));
    nodes.push(drawText(document, { x: column, y: to, text: label.text, fill: textColor(label.color) }));
  }
  if (title !== undefined) {
    const first = Math.min(...placed, frame.bottom);
    nodes.push(drawText(document, { x: column, y: first - LINE_HEIGHT - 1, text: title, size: FONT_SIZE.note }));
  }
  return group(document, {}, nodes);
}

/** A place for a label, in pixels: where it is anchored. */
export interface Place {
  x: number;
  y: number;
  anchor: 'start' | 'middle' | 'end';
}

export interface PlacedLabel {
  text: RichText;
  color: string;
  size?: number;
  /** Best first. */
  places: readonly Place[];
  /** The mark's pixel, where a place far below it gets an upright leader; other labels keep off the leader. */
  mark?: Pixel;
}

type Pixel = readonly [number, number];

export interface Obstacles {
  /** Centres of dots. */
  dots?: readonly Pixel[];
  /** Lines through these points. */
  lines?: readonly (readonly Pixel[])[];
}

/** The first free place of each label, in the order given; null where all are taken or outside the frame. */
export function choosePlaces(
  frame: Pick<Frame, 'left' | 'right' | 'top' | 'bottom'>,
  labels: readonly PlacedLabel[],
  { dots = [], lines = [] }: Obstacles,
): (Place | null)[] {
  const taken: Box[] = dots.map(([x, y]) => ({ x0: x - 3, x1: x + 3, y0: y - 3, y1: y + 3 }));
  const labelsTaken: Box[] = [];
  const leaders: (readonly Pixel[])[] = [];
  return labels.map((label) => {
    for (const place of label.places) {
      const box = boxOf(label, place);
      const leader = leaderOf(label, place);
      if (box.x0 < frame.left || box.x1 > frame.right || box.y0 < frame.top || box.y1 > frame.bottom) continue;
      if ([...taken, ...labelsTaken].some((t) => t.x0 < box.x1 && t.x1 > box.x0 && t.y0 < box.y1 && t.y1 > box.y0))
        continue;
      if ([...lines, ...leaders].some((line) => meets(line, box))) continue;
      if (labelsTaken.some((t) => meets(leader, t))) continue;
      if (lines.some((line) => line.some((p, i) => i > 0 && cross(line[i - 1]!, p, leader)))) continue;
      labelsTaken.push(box);
      if (leader.length > 0) leaders.push(leader);
      return place;
    }
    return null;
  });
}

/** The upright line from a mark down to its label; empty where the label is near its mark. */
function leaderOf({ mark }: PlacedLabel, place: Place): readonly Pixel[] {
  if (mark === undefined || place.y < mark[1] + 20) return [];
  return [
    [mark[0], mark[1] + 4],
    [mark[0], place.y - 6],
  ];
}

/** Whether the segment from a to b crosses an upright leader. */
function cross(a: Pixel, b: Pixel, leader: readonly Pixel[]): boolean {
  const [from, to] = leader;
  if (!from || !to) return false;
  return crosses(a, b, { x0: from[0], x1: from[0], y0: from[1], y1: to[1] });
}

const meets = (line: readonly Pixel[], box: Box): boolean =>
  line.some((p, i) => i > 0 && crosses(line[i - 1]!, p, box));

/** The labels at their places; those without a place are left out. The white below the letters is an outline or, for
 * labels that stand on a line, a plate that interrupts it. */
export function drawPlaced(
  frame: Frame,
  labels: readonly PlacedLabel[],
  places: readonly (Place | null)[],
  hasPlates = false,
): SvgNode {
  const { document } = frame;
  const nodes = labels.flatMap((label, i) => {
    const place = places[i];
    if (!place) return [];
    const { text, color, size = FONT_SIZE.label } = label;
    const words = drawText(document, { ...place, text, size, fill: textColor(color), halo: !hasPlates });
    const [from, to] = leaderOf(label, place);
    if (from && to) {
      const d = `M${from[0]},${from[1]}L${to[0]},${to[1]}`;
      return [path(document, d, { stroke: color, 'stroke-width': 0.75 }), words];
    }
    if (!hasPlates) return [words];
    const { x0, x1, y0, y1 } = boxOf(label, place);
    return [path(document, `M${x0},${y0}H${x1}V${y1}H${x0}Z`, { fill: COLOR.background }), words];
  });
  return group(document, {}, nodes);
}

interface Box {
  x0: number;
  x1: number;
  y0: number;
  y1: number;
}

function boxOf({ text, size = FONT_SIZE.label }: PlacedLabel, { x, y, anchor }: Place): Box {
  const width = textWidth(text, size);
  const x0 = x - (anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0);
  return { x0: x0 - 2, x1: x0 + width + 2, y0: y - 0.55 * size, y1: y + 0.55 * size };
}

/** Whether the segment from a to b meets the box (Liang and Barsky 1984). */
function crosses(a: Pixel, b: Pixel, box: Box): boolean {
  let [enter, leave] = [0, 1];
  for (const [from, step, lo, hi] of [
    [a[0], b[0] - a[0], box.x0, box.x1],
    [a[1], b[1] - a[1], box.y0, box.y1],
  ] as const) {
    if (step === 0) {
      if (from < lo || from > hi) return false;
      continue;
    }
    const [t1, t2] = [(lo - from) / step, (hi - from) / step];
    enter = Math.max(enter, Math.min(t1, t2));
    leave = Math.min(leave, Math.max(t1, t2));
  }
  return enter <= leave;
}
