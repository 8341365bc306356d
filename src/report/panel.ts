/** @file One set of axes with marks in it, and the sheet that holds one or more of them as a standalone SVG.
 * Observable Plot (0.6.17) gives the scales and draws lines, dots, areas and rules; grid, axes and labels are ours,
 * since Plot's have neither powers of ten nor styled text. Flow: figure -> panels -> `drawSheet` -> SVG text.
 */
import type { Markish } from '@observablehq/plot';
import { escapeMarkup, SVG_NAMESPACE, type SvgDocument, type SvgNode, serialize } from './document.ts';
import { Plot } from './plot.ts';
import { drawText, type RichText, textWidth } from './rich-text.ts';
import { COLOR, FIGURE_WIDTH, FONT_FAMILY, FONT_SIZE } from './theme.ts';
import { axisTicks, type TickOptions, type Ticks } from './ticks.ts';

export interface Axis {
  scale: 'log' | 'linear';
  domain: readonly [number, number];
  format: TickOptions['format'];
  isWhole?: boolean;
  /** Quantity and unit; left out on an axis that a neighbour already labels. */
  title?: RichText;
  /** False leaves out the tick labels. */
  labels?: boolean;
  /** False leaves out ticks, their labels and the grid. */
  ticks?: boolean;
}

interface Margin {
  top: number;
  right: number;
  bottom: number;
  /** Default: what the tick labels and the title of the y axis need. */
  left?: number;
}

/** What an overlay draws into: the scales and the corners of the plotting area, in pixels of its panel. */
export interface Frame {
  document: SvgDocument;
  x: (value: number) => number;
  y: (value: number) => number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Draws on a frame; null draws nothing. */
type Overlay = (frame: Frame) => SvgNode | null;

export interface PanelOptions {
  /** Upper left corner on the sheet. */
  at?: readonly [number, number];
  width?: number;
  height: number;
  margin: Margin;
  x: Axis;
  y: Axis;
  /** Plot's marks, below the overlays. */
  marks: Markish[];
  overlays?: Overlay[];
  /** Bold words above the plotting area, left. */
  heading?: RichText;
}

/** A panel as a `<g>` placed at `at`. */
export function drawPanel(document: SvgDocument, options: PanelOptions): SvgNode {
  const { at = [0, 0], width = FIGURE_WIDTH, height, marks, overlays = [] } = options;
  const ticksOf = (axis: Axis, length: number, direction: 'x' | 'y'): Ticks =>
    axis.ticks === false ? { major: [], minor: [] } : axisTicks({ ...axis, length, direction });
  const yTicks = ticksOf(options.y, height - options.margin.top - options.margin.bottom, 'y');
  const labelWidth = Math.max(0, ...yTicks.major.map((t) => textWidth(t.label, FONT_SIZE.tick)));
  const margin = { ...options.margin, left: options.margin.left ?? Math.ceil(labelWidth) + 36 };
  const length = width - margin.left - margin.right;
  const ticks = { x: ticksOf(options.x, length, 'x'), y: yTicks };
  const svg = Plot.plot({
    document: document as never,
    width,
    height,
    marginTop: margin.top,
    marginRight: margin.right,
    marginBottom: margin.bottom,
    marginLeft: margin.left,
    x: { type: options.x.scale, domain: [...options.x.domain], axis: null },
    y: { type: options.y.scale, domain: [...options.y.domain], axis: null },
    marks: [
      overlay((frame) => drawGrid(frame, ticks)),
      ...marks,
      overlay((frame) => drawAxes(frame, ticks, { ...options, margin })),
      ...overlays.map(overlay),
    ],
  }) as unknown as SvgNode;
  const group = document.createElementNS(SVG_NAMESPACE, 'g');
  if (at[0] !== 0 || at[1] !== 0) group.setAttribute('transform', `translate(${at[0]},${at[1]})`);
  for (const child of [...svg.children]) if (child.name !== 'style') group.appendChild(child);
  return group;
}

/** An overlay as a mark of Plot's: a function that Plot calls with its scales and margins. */
function overlay(draw: Overlay): Markish {
  return ((_index: unknown, scales: PlotScales, _values: unknown, size: PlotSize, context: { document: SvgDocument }) =>
    draw({
      document: context.document,
      x: scales.x,
      y: scales.y,
      left: size.marginLeft,
      right: size.width - size.marginRight,
      top: size.marginTop,
      bottom: size.height - size.marginBottom,
    })) as unknown as Markish;
}

interface PlotScales {
  x: (value: number) => number;
  y: (value: number) => number;
}

interface PlotSize {
  width: number;
  height: number;
  marginTop: number;
  marginRight: number;
  marginBottom: number;
  marginLeft: number;
}

export interface SheetOptions {
  height: number;
  /** What the figure shows, for readers who do not see it. */
  label: string;
  content: SvgNode[];
}

/** The finished SVG: white ground, font, size and description on the root, no style sheet, no ids. */
export function drawSheet({ height, label, content }: SheetOptions): string {
  const root =
    `<svg xmlns="${SVG_NAMESPACE}" width="${FIGURE_WIDTH}" height="${height}" viewBox="0 0 ${FIGURE_WIDTH} ${height}"` +
    ` font-family="${escapeMarkup(FONT_FAMILY)}" fill="${COLOR.ink}" role="img" aria-label="${escapeMarkup(label)}"` +
    ` style="max-width:100%;height:auto;background:${COLOR.background}">`;
  const ground = `<rect width="${FIGURE_WIDTH}" height="${height}" fill="${COLOR.background}"/>`;
  return `${root}${ground}\n${content.map(serialize).join('\n')}\n</svg>\n`;
}

/** A figure that says in words why there is nothing to draw. */
export function drawMessage(document: SvgDocument, label: string, message: string): string {
  const height = 120;
  const text = drawText(document, {
    x: FIGURE_WIDTH / 2,
    y: height / 2,
    text: message,
    size: FONT_SIZE.title,
    anchor: 'middle',
    fill: COLOR.muted,
  });
  return drawSheet({ height, label: `${label}: ${message}`, content: [text] });
}

/** A group of nodes with shared attributes. */
export function group(document: SvgDocument, attributes: Record<string, string | number>, nodes: SvgNode[]): SvgNode {
  const g = document.createElementNS(SVG_NAMESPACE, 'g');
  for (const [key, value] of Object.entries(attributes)) g.setAttribute(key, value);
  for (const node of nodes) g.appendChild(node);
  return g;
}

/** A path from SVG path data. */
export function path(document: SvgDocument, d: string, attributes: Record<string, string | number>): SvgNode {
  const node = document.createElementNS(SVG_NAMESPACE, 'path');
  node.setAttribute('d', d);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function drawGrid(frame: Frame, ticks: { x: Ticks; y: Ticks }): SvgNode {
  const { document, left, right, top, bottom } = frame;
  const d = [
    ...ticks.x.major.map((t) => `M${frame.x(t.value)},${top}V${bottom}`),
    ...ticks.y.major.map((t) => `M${left},${frame.y(t.value)}H${right}`),
  ].join('');
  return path(document, d, { stroke: COLOR.grid, 'stroke-width': 1, fill: 'none', 'aria-hidden': 'true' });
}

function drawAxes(
  frame: Frame,
  ticks: { x: Ticks; y: Ticks },
  options: PanelOptions & { margin: { left: number } },
): SvgNode {
  const { document, left, right, top, bottom } = frame;
  const { x, y, heading } = options;
  const d = [
    `M${left},${top}V${bottom}H${right}`,
    ...ticks.x.major.map((t) => `M${frame.x(t.value)},${bottom}v5`),
    ...ticks.x.minor.map((v) => `M${frame.x(v)},${bottom}v2.5`),
    ...ticks.y.major.map((t) => `M${left},${frame.y(t.value)}h-5`),
    ...ticks.y.minor.map((v) => `M${left},${frame.y(v)}h-2.5`),
  ].join('');
  const nodes = [path(document, d, { stroke: COLOR.axis, 'stroke-width': 1, fill: 'none' })];
  const tickText = { size: FONT_SIZE.tick, fill: COLOR.muted };
  if (x.labels !== false) {
    for (const t of ticks.x.major) {
      nodes.push(
        drawText(document, { x: frame.x(t.value), y: bottom + 15, text: t.label, anchor: 'middle', ...tickText }),
      );
    }
  }
  if (y.labels !== false) {
    for (const t of ticks.y.major) {
      nodes.push(drawText(document, { x: left - 8, y: frame.y(t.value), text: t.label, anchor: 'end', ...tickText }));
    }
  }
  const title = { size: FONT_SIZE.title, anchor: 'middle' as const };
  if (x.title !== undefined) {
    nodes.push(drawText(document, { x: (left + right) / 2, y: bottom + 36, text: x.title, ...title }));
  }
  if (y.title !== undefined) {
    const middle = (top + bottom) / 2;
    nodes.push(
      drawText(document, { x: left - options.margin.left + 12, y: middle, text: y.title, rotate: -90, ...title }),
    );
  }
  if (heading !== undefined) {
    nodes.push(drawText(document, { x: left, y: top - 14, text: heading, size: FONT_SIZE.title }));
  }
  return group(document, {}, nodes);
}
