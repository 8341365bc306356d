/** @file Text with italics, superscripts and subscripts as SVG, and its width without a browser to measure it.
 * Text is data: a string, or a list of strings and styled spans, so that names that users chose never turn into
 * markup. Scripts are shifted `tspan`s, which look alike in browsers, Inkscape and resvg. Widths come from the
 * advance widths of Arial, which the shipped Arimo has too.
 */
import { SVG_NAMESPACE, type SvgDocument, type SvgNode } from './document.ts';
import { COLOR, FONT_SIZE } from './theme.ts';

export interface Span {
  text: string;
  style: 'italic' | 'bold' | 'sub' | 'sup';
}

export type RichText = string | readonly (string | Span)[];

/** An italic symbol, as papers set N, D, C and L. */
export const it = (text: string): Span => ({ text, style: 'italic' });
export const bold = (text: string): Span => ({ text, style: 'bold' });
export const sub = (text: string): Span => ({ text, style: 'sub' });
export const sup = (text: string): Span => ({ text, style: 'sup' });

/** `10^exponent` with a raised exponent; with a mantissa other than 1, `2×10^4`. */
export function powerOfTen(exponent: number, mantissa = '1'): RichText {
  const raised = sup(String(exponent).replace('-', '−'));
  return mantissa === '1' ? ['10', raised] : [`${mantissa}×10`, raised];
}

/** A positive number as a power of ten with `digits` significant digits in front: 10^11, 3×10^10, 1.5×10^10. */
export function scientific(value: number, digits = 2): RichText {
  const [mantissa = '1', exponent = '0'] = value.toExponential(digits - 1).split('e');
  return powerOfTen(Number(exponent), String(Number(mantissa)));
}

/** The list of parts of one or more texts. */
export function join(...parts: RichText[]): (string | Span)[] {
  return parts.flatMap((p) => (typeof p === 'string' ? [p] : [...p]));
}

/** What is read aloud or searched: the text without its styles. */
export function plainText(text: RichText): string {
  return join(text)
    .map((p) => (typeof p === 'string' ? p : p.text))
    .join('');
}

const SCRIPT_SIZE = 0.74;

const table = (widths: string): number[] => widths.split(' ').map(Number);

/** Advance widths of Arial and Arimo in thousandths of an em, for the characters ' ' to '~'. */
const REGULAR = table(
  '278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 ' +
    '584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 ' +
    '667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 ' +
    '556 500 722 500 500 500 334 260 334 584',
);
const BOLD = table(
  '278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 584 ' +
    '584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 667 ' +
    '667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 ' +
    '611 556 778 556 556 500 389 280 389 584',
);
const OTHER: Record<string, number> = {
  '±': 549,
  '×': 584,
  '−': 584,
  '–': 556,
  '—': 1000,
  '…': 1000,
  '→': 1000,
  '·': 333,
  '≤': 549,
  '≥': 549,
  α: 578,
  β: 575,
  γ: 500,
  δ: 557,
  η: 556,
};

/** Width in pixels of `text` at `size` pixels; a character outside ASCII that is not in the table counts as a digit. */
export function textWidth(text: RichText, size: number = FONT_SIZE.label): number {
  let width = 0;
  for (const part of join(text)) {
    const [content, style] = typeof part === 'string' ? [part, ''] : [part.text, part.style];
    const widths = style === 'bold' ? BOLD : REGULAR;
    let own = 0;
    for (const c of content) own += widths[c.charCodeAt(0) - 32] ?? OTHER[c] ?? 556;
    width += own * (style === 'sub' || style === 'sup' ? SCRIPT_SIZE : 1);
  }
  return (width * size) / 1000;
}

/** `text` cut to at most `width` pixels, with an ellipsis where it was cut. */
export function shorten(text: string, width: number, size: number = FONT_SIZE.label): string {
  if (textWidth(text, size) <= width) return text;
  const letters = [...text];
  while (letters.length > 0 && textWidth(`${letters.join('')}…`, size) > width) letters.pop();
  return `${letters.join('')}…`;
}

export interface TextOptions {
  x: number;
  /** The middle of the capitals, or the baseline where `baseline` is set. */
  y: number;
  text: RichText;
  size?: number;
  anchor?: 'start' | 'middle' | 'end';
  fill?: string;
  /** Degrees clockwise around (x, y). */
  rotate?: number;
  /** A white outline under the letters, so that lines below do not cut them. */
  halo?: boolean;
  baseline?: boolean;
}

/** One `<text>` element. Its length is stated, so that a reader whose fallback font is wider sees the words set narrower,
 * not running into their neighbours. */
export function drawText(document: SvgDocument, options: TextOptions): SvgNode {
  const { x, y, text, size = FONT_SIZE.label, anchor = 'start', fill = COLOR.ink, rotate } = options;
  const node = document.createElementNS(SVG_NAMESPACE, 'text');
  const dy = options.baseline ? 0 : 0.36 * size;
  if (rotate) {
    node.setAttribute('transform', `translate(${x},${y}) rotate(${rotate})`);
    node.setAttribute('y', dy);
  } else {
    node.setAttribute('x', x);
    node.setAttribute('y', y + dy);
  }
  node.setAttribute('font-size', size);
  node.setAttribute('fill', fill);
  if (anchor !== 'start') node.setAttribute('text-anchor', anchor);
  if (options.halo) {
    node.setAttribute('stroke', COLOR.background);
    node.setAttribute('stroke-width', 3);
    node.setAttribute('stroke-linejoin', 'round');
    node.setAttribute('paint-order', 'stroke');
  }
  if (isKnown(text)) {
    node.setAttribute('textLength', textWidth(text, size));
    node.setAttribute('lengthAdjust', 'spacingAndGlyphs');
  }
  appendSpans(node, text, size);
  return node;
}

/** Whether the width table knows every character. */
const isKnown = (text: RichText): boolean => {
  const plain = plainText(text);
  return plain !== '' && [...plain].every((c) => (c >= ' ' && c <= '~') || c in OTHER);
};

/** Appends the parts as tspans; a script shifts the baseline and the part after it shifts it back. */
function appendSpans(node: SvgNode, text: RichText, size: number): void {
  if (typeof text === 'string') {
    node.textContent = text;
    return;
  }
  let shift = 0;
  for (const part of text) {
    const [content, style] = typeof part === 'string' ? [part, ''] : [part.text, part.style];
    if (content === '') continue;
    const target = style === 'sup' ? -0.36 * size : style === 'sub' ? 0.22 * size : 0;
    const span = node.ownerDocument.createElementNS(SVG_NAMESPACE, 'tspan');
    if (target !== shift) span.setAttribute('dy', target - shift);
    if (style === 'sup' || style === 'sub') span.setAttribute('font-size', SCRIPT_SIZE * size);
    if (style === 'italic') span.setAttribute('font-style', 'italic');
    if (style === 'bold') span.setAttribute('font-weight', 700);
    span.textContent = content;
    node.appendChild(span);
    shift = target;
  }
}
