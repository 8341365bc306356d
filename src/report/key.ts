/** @file A key in one line above a panel: what a mark stands for, where direct labels would repeat themselves. */
import type { SvgNode } from './document.ts';
import { type Frame, group, path } from './panel.ts';
import { drawText, type RichText, textWidth } from './rich-text.ts';
import { COLOR, FONT_SIZE } from './theme.ts';

export interface KeyItem {
  mark: 'dot' | 'ring' | 'diamond' | 'times' | 'line' | 'thick' | 'dashed' | 'band';
  text: RichText;
  color?: string;
}

/** Marks centred on the origin; those with a fill are closed. */
const SHAPES: Record<KeyItem['mark'], { d: string; isFilled: boolean; width: number }> = {
  dot: { d: 'M-3.4,0a3.4,3.4 0 1,0 6.8,0a3.4,3.4 0 1,0 -6.8,0Z', isFilled: true, width: 7 },
  ring: { d: 'M-3.4,0a3.4,3.4 0 1,0 6.8,0a3.4,3.4 0 1,0 -6.8,0Z', isFilled: false, width: 7 },
  diamond: { d: 'M0,-5.5L3.4,0L0,5.5L-3.4,0Z', isFilled: false, width: 7 },
  times: { d: 'M-3.6,-3.6L3.6,3.6M3.6,-3.6L-3.6,3.6', isFilled: false, width: 7 },
  line: { d: 'M-9,0H9', isFilled: false, width: 18 },
  thick: { d: 'M-8,0H8', isFilled: false, width: 18 },
  dashed: { d: 'M-9,0H9', isFilled: false, width: 18 },
  band: { d: 'M-9,-5H9V5H-9Z', isFilled: true, width: 18 },
};

/** The key above the frame, from its left edge, or from `left` where given. */
export function drawKey(frame: Frame, items: readonly KeyItem[], left: number = frame.left): SvgNode {
  const { document } = frame;
  const y = frame.top - 18;
  let x = left;
  const nodes = items.flatMap(({ mark, text, color = COLOR.muted }) => {
    const { d, isFilled, width } = SHAPES[mark];
    const drawn = path(document, d, {
      transform: `translate(${x + width / 2},${y})`,
      fill: isFilled ? color : 'none',
      ...(isFilled ? {} : { stroke: color, 'stroke-width': mark === 'thick' ? 4 : 1.6 }),
      ...(mark === 'dashed' ? { 'stroke-dasharray': '4,3' } : {}),
      ...(mark === 'band' ? { 'fill-opacity': 0.2 } : {}),
    });
    const words = drawText(document, { x: x + width + 6, y, text, size: FONT_SIZE.note, fill: COLOR.muted });
    x += width + 6 + textWidth(text, FONT_SIZE.note) + 18;
    return [drawn, words];
  });
  return group(document, {}, nodes);
}
