/** @file Figure: an exponent against a choice that the analyst made, one panel a choice.
 * How many sizes each parabola goes through, the smallest number of tokens kept, Huber's corner: a result that hangs on
 * such a choice is the choice's and not the data's. Bars are intervals, the filled dot is the choice of this report, and
 * the papers' exponents are lines, so that a drift is seen at the scale of what is being asked.
 */

import { formatFixed } from '../../lib/format.ts';
import { createDocument, type SvgNode } from '../document.ts';
import { spread } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { Plot } from '../plot.ts';
import { drawText, it, type RichText, textWidth } from '../rich-text.ts';
import { CATEGORY, COLOR, FIGURE_WIDTH, FONT_SIZE, textColor } from '../theme.ts';
import { isPlottable, isPositive, linearDomain, logDomain } from '../ticks.ts';

export interface SensitivityPanel {
  /** The axis: what was chosen, and its unit. */
  title: RichText;
  scale: 'linear' | 'log';
  points: readonly { x: number; a: number; interval: readonly [number, number] | null }[];
  /** The choice of the report; null where it is none of these. */
  chosen: number | null;
}

export interface SensitivityInput {
  panels: readonly SensitivityPanel[];
  /** The exponent that theory gives, one line more beside the papers'. */
  theory?: { label: string; a: number };
}

const PAPERS = [
  { label: 'Kaplan', a: 0.73, color: CATEGORY.kaplan, dash: '7,4' },
  { label: 'Hoffmann', a: 0.5, color: CATEGORY.chinchilla, dash: '2,3' },
] as const;

const OF_THEORY = { color: CATEGORY.theory, dash: '9,3,2,3' } as const;

const LABEL = 'Exponent a against choices of the analysis';
const HEIGHT = 290;
const LEFT = 58;
const GAP = 24;
const MOST = 3;

/** The figure as SVG; all panels share the axis of a. */
export function sensitivity({ panels, theory }: SensitivityInput): string {
  const document = createDocument();
  const shown = panels.slice(0, MOST).flatMap((panel) => {
    const isShown = panel.scale === 'log' ? isPositive : isPlottable;
    const points = panel.points.filter((p) => isShown(p.x) && isPlottable(p.a)).sort((p, q) => p.x - q.x);
    return points.length < 2 ? [] : [{ ...panel, points }];
  });
  if (shown.length === 0) return drawMessage(document, LABEL, 'No choice was varied.');
  const lines = [...PAPERS, ...(theory && isPlottable(theory.a) ? [{ ...theory, ...OF_THEORY }] : [])];
  const values = [...shown.flatMap((p) => p.points.map((q) => q.a)), ...lines.map((r) => r.a)];
  const ends = shown.flatMap((p) => p.points.flatMap((q) => q.interval ?? [])).filter((v) => v > -0.3 && v < 1.3);
  const yDomain = linearDomain([...values, ...ends], 0.06, 0.3)!;
  const right =
    Math.ceil(Math.max(...lines.map((r) => textWidth(`${r.label} ${formatFixed(r.a)}`, FONT_SIZE.note)), 0)) + 30;
  const inner = (FIGURE_WIDTH - LEFT - right - (shown.length - 1) * GAP) / shown.length;
  const content = shown.map((panel, i): SvgNode => {
    const [isFirst, isLast] = [i === 0, i === shown.length - 1];
    const left = isFirst ? LEFT : GAP;
    const bars = panel.points.flatMap(({ x, interval }) => {
      const [low, high] = interval ?? [Number.NaN, Number.NaN];
      if (!(low <= high) || high < yDomain[0] || low > yDomain[1]) return [];
      return [{ x, low: Math.max(low, yDomain[0]), high: Math.min(high, yDomain[1]) }];
    });
    const xs = panel.points.map((p) => p.x);
    return drawPanel(document, {
      at: [isFirst ? 0 : LEFT + i * inner + (i - 1) * GAP, 0],
      width: inner + left + (isLast ? right : 8),
      height: HEIGHT,
      margin: { top: 16, right: isLast ? right : 8, bottom: 48, left },
      x: {
        scale: panel.scale,
        domain: (panel.scale === 'log' ? logDomain(xs, 0.08, 1.5) : linearDomain(xs, 0.08, 1))!,
        format: panel.scale === 'log' ? 'power' : 'plain',
        isWhole: panel.scale === 'linear' && xs.every(Number.isInteger),
        title: panel.title,
      },
      y: {
        scale: 'linear',
        domain: yDomain,
        format: 'plain',
        ...(isFirst ? { title: ['exponent ', it('a')] as RichText } : { labels: false }),
      },
      marks: [
        ...lines.map((r) => Plot.ruleY([r.a], { stroke: r.color, strokeWidth: 1.4, strokeDasharray: r.dash })),
        Plot.line(panel.points, { x: 'x', y: 'a', stroke: CATEGORY.ours, strokeWidth: 1.2, strokeOpacity: 0.6 }),
        Plot.link(bars, { x1: 'x', x2: 'x', y1: 'low', y2: 'high', stroke: CATEGORY.ours, strokeWidth: 1.6 }),
        Plot.dot(panel.points, {
          x: 'x',
          y: 'a',
          r: 4.2,
          fill: (p: { x: number }) => (p.x === panel.chosen ? CATEGORY.ours : COLOR.background),
          stroke: CATEGORY.ours,
          strokeWidth: 1.8,
        }),
      ],
      overlays: isLast
        ? [
            (frame) => {
              const placed = spread(
                lines.map((r) => frame.y(r.a)),
                15,
                frame.top + 4,
                frame.bottom - 4,
              );
              const g = document.createElementNS('http://www.w3.org/2000/svg', 'g');
              for (const [k, r] of lines.entries()) {
                const text = `${r.label} ${formatFixed(r.a)}`;
                g.appendChild(
                  drawText(document, {
                    x: frame.right + 8,
                    y: placed[k]!,
                    text,
                    size: FONT_SIZE.note,
                    fill: textColor(r.color),
                  }),
                );
              }
              return g;
            },
          ]
        : [],
    });
  });
  return drawSheet({ height: HEIGHT, label: `${LABEL}, ${shown.length} panels`, content });
}
