/** @file Figure: how much the objective rises when one constant is held away from its best value and all others follow.
 * One panel a constant, all on one scale: the rise in units of the threshold of the likelihood-ratio interval, so the
 * interval is where the curve lies below 1. A curve that stays below 1 to the edge has an open side, and an arrow
 * there: the data do not bound the constant. Shows what an interval hides: a flat valley, a second optimum, a floor
 * that nothing needs (Besiroglu et al. 2024, arXiv 2404.10102, on E; Muennighoff et al. 2023 on R_D*).
 */

import { formatNumber } from '../../lib/format.ts';
import { createDocument, type SvgDocument, type SvgNode } from '../document.ts';
import { drawMessage, drawPanel, drawSheet, type Frame, group, path } from '../panel.ts';
import { Plot } from '../plot.ts';
import { drawText, join, plainText, type RichText } from '../rich-text.ts';
import { symbolOf } from '../symbols.ts';
import { CATEGORY, COLOR, FIGURE_WIDTH, FONT_SIZE, textColor } from '../theme.ts';
import { isPlottable, isPositive, linearDomain, logDomain } from '../ticks.ts';

export interface ProfileCurve {
  /** The constant's name in the law, or a or b. */
  param: string;
  /** Where the objective is lowest. */
  value: number;
  /** Ends of the interval; 0 and null on open sides. */
  interval: readonly [number, number | null];
  open: { low: boolean; high: boolean };
  /** 0.9 */
  level: number;
  /** What the statistic exceeds at the ends. */
  threshold: number;
  curve: readonly { value: number; statistic: number }[];
}

export interface ProfilesInput {
  profiles: readonly ProfileCurve[];
}

interface Place {
  x: number;
  rise: number;
}

const LABEL = 'Profiles of the objective over single constants';
const PANEL_HEIGHT = 232;
const LEFT = 58;
const GAP = 30;
/** Rises above this many thresholds are cut off. */
const HIGHEST = 2.6;
/** Ratio of the ends from which on the constant's axis is logarithmic. */
const WIDE = 5;

/** The figure as SVG; two panels a row. */
export function profiles(input: ProfilesInput): string {
  const document = createDocument();
  const panels = input.profiles.flatMap((profile) => {
    const places = placesOf(profile);
    return places.length < 3 || !isPlottable(profile.value) ? [] : [{ profile, places }];
  });
  if (panels.length === 0) return drawMessage(document, LABEL, 'No constant has a profile.');
  const columns = Math.min(2, panels.length);
  const inner = (FIGURE_WIDTH - LEFT - 16 - (columns - 1) * GAP) / columns;
  const content = panels.map(({ profile, places }, i) => {
    const column = i % columns;
    const left = column === 0 ? LEFT : GAP;
    return drawProfile(document, {
      profile,
      places,
      at: [column === 0 ? 0 : LEFT + inner, Math.floor(i / columns) * PANEL_HEIGHT],
      left,
      width: left + inner + 16,
    });
  });
  const spoken = panels.map(({ profile }) => plainText(headingOf(profile)));
  const height = Math.ceil(panels.length / columns) * PANEL_HEIGHT;
  return drawSheet({ height, label: [LABEL, ...spoken].join('; '), content });
}

/** The curve in units of the threshold, by increasing value, cut where it leaves the panel. */
function placesOf({ curve, threshold }: ProfileCurve): Place[] {
  if (!isPositive(threshold)) return [];
  const all = curve
    .filter(({ value, statistic }) => isPlottable(value) && !Number.isNaN(statistic))
    .map(({ value, statistic }) => ({ x: value, rise: Math.max(0, statistic / threshold) }))
    .sort((p, q) => p.x - q.x);
  return all.flatMap((p, i) => {
    if (p.rise <= HIGHEST) return [p];
    // The neighbour inside decides where the curve crosses the upper edge.
    const inside = [all[i - 1], all[i + 1]].find((q) => q !== undefined && q.rise < HIGHEST);
    if (inside === undefined) return [];
    const share = Number.isFinite(p.rise) ? (HIGHEST - inside.rise) / (p.rise - inside.rise) : 0;
    return [{ x: inside.x + share * (p.x - inside.x), rise: HIGHEST }];
  });
}

interface PanelPlace {
  profile: ProfileCurve;
  places: readonly Place[];
  at: readonly [number, number];
  left: number;
  width: number;
}

function drawProfile(document: SvgDocument, { profile, places, at, left, width }: PanelPlace): SvgNode {
  const values = places.map((p) => p.x);
  const isLog = values.every(isPositive) && values.at(-1)! >= WIDE * values[0]!;
  const within = (x: number): number => Math.min(Math.max(x || 0, values[0]!), values.at(-1)!);
  const [low, high] = [within(profile.interval[0]), within(profile.interval[1] ?? Number.POSITIVE_INFINITY)];
  const best = { x: profile.value, rise: 0 };
  const inside = places.filter((p) => p.x >= low && p.x <= high && p.rise <= 1);
  const crossing = (x: number): Place => ({ x, rise: 1 });
  const bold = [
    ...(profile.open.low ? [] : [crossing(low)]),
    ...inside.filter((p) => (profile.open.low || p.x > low) && (profile.open.high || p.x < high)),
    ...(profile.open.high ? [] : [crossing(high)]),
  ];
  const isFirst = left === LEFT;
  const closed = [...(profile.open.low ? [] : [low]), ...(profile.open.high ? [] : [high])];
  return drawPanel(document, {
    at,
    width,
    height: PANEL_HEIGHT,
    margin: { top: 36, right: 16, bottom: 48, left },
    x: {
      scale: isLog ? 'log' : 'linear',
      domain: isLog ? logDomain(values, 0.02)! : linearDomain(values, 0.02)!,
      format: 'plain',
      title: symbolOf(profile.param),
    },
    y: {
      scale: 'linear',
      domain: [-0.1, HIGHEST],
      format: 'plain',
      ...(isFirst ? { title: 'rise / threshold' } : { labels: false }),
    },
    marks: [
      Plot.ruleY([1], { stroke: COLOR.muted, strokeWidth: 1, strokeDasharray: '4,3' }),
      Plot.link(closed, {
        x1: (x: number) => x,
        x2: (x: number) => x,
        y1: -0.1,
        y2: 1,
        stroke: CATEGORY.ours,
        strokeWidth: 1,
        strokeDasharray: '2,3',
      }),
      Plot.line(places, {
        x: 'x',
        y: 'rise',
        curve: 'monotone-x',
        stroke: CATEGORY.ours,
        strokeWidth: 1.3,
        strokeOpacity: 0.7,
      }),
      Plot.line(bold, { x: 'x', y: 'rise', curve: 'monotone-x', stroke: CATEGORY.ours, strokeWidth: 3 }),
      Plot.dot(best.x >= values[0]! && best.x <= values.at(-1)! ? [best] : [], {
        x: 'x',
        y: 'rise',
        r: 4.2,
        fill: CATEGORY.ours,
        stroke: COLOR.background,
        strokeWidth: 1,
      }),
    ],
    overlays: [
      (frame) =>
        drawText(document, { x: frame.left, y: frame.top - 16, text: headingOf(profile), size: FONT_SIZE.title }),
      (frame) =>
        drawText(document, {
          x: (frame.x(low) + frame.x(high)) / 2,
          y: frame.y(1) - 9,
          text: `${Math.round(100 * profile.level)}% threshold`,
          size: FONT_SIZE.note,
          anchor: 'middle',
          fill: COLOR.muted,
          halo: true,
        }),
      (frame) => openSides(frame, profile, places),
    ],
  });
}

/** "α = 0.348 [0.316, 0.374]", with "open" in place of an end that the data do not give. */
function headingOf({ param, value, interval, open }: ProfileCurve): RichText {
  const number = (x: number): string => formatNumber(x, 3).replaceAll('-', '−');
  const low = open.low ? 'open' : number(interval[0]);
  const high = open.high || interval[1] === null ? 'open' : number(interval[1]);
  return join(symbolOf(param), ` = ${number(value)} [${low}, ${high}]`);
}

/** An arrow at the end of a curve that never reaches the threshold. */
function openSides(frame: Frame, { open }: ProfileCurve, places: readonly Place[]): SvgNode {
  const { document } = frame;
  const side = (p: Place, sign: 1 | -1): SvgNode[] => {
    const [x, y] = [frame.x(p.x), frame.y(p.rise)];
    const d = `M${x},${y - 5}L${x + sign * 8},${y}L${x},${y + 5}Z`;
    const text = { text: 'open: not bounded', size: FONT_SIZE.note, anchor: sign > 0 ? 'end' : 'start' } as const;
    const label = { ...text, x: x - sign * 4, y: y - 14, fill: textColor(CATEGORY.kaplan), halo: true };
    return [path(document, d, { fill: CATEGORY.kaplan }), drawText(document, label)];
  };
  return group(document, {}, [
    ...(open.low ? side(places[0]!, -1) : []),
    ...(open.high ? side(places.at(-1)!, 1) : []),
  ]);
}
