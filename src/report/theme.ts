/** @file How every figure looks: one font, few sizes, thin grey rules, colours that survive colour blindness and print.
 * Categories take Okabe and Ito's palette (Okabe & Ito 2008, "Color Universal Design"). Ordered quantities (size,
 * compute) take viridis (van der Walt & Smith 2015), large values dark, cut before its yellow, which is too faint on
 * white; its lightness is monotone, so the order stays readable in grey. The font is Arimo, shipped with the PNG
 * writer; its widths are those of Arial, Helvetica's stand-in and Liberation Sans, so a reader without Arimo sees the
 * same layout.
 */

export const FONT_FAMILY = "Arimo, Arial, 'Liberation Sans', Helvetica, sans-serif";

/** Width of every figure in CSS pixels. */
export const FIGURE_WIDTH = 640;

export const FONT_SIZE = { title: 13, tick: 11.5, label: 11.5, note: 11 } as const;

export const COLOR = {
  ink: '#1f2328',
  muted: '#57606a',
  axis: '#8c959f',
  grid: '#e9ebee',
  background: '#ffffff',
} as const;

/** Okabe and Ito's colours by the role they play here. */
export const CATEGORY = {
  ours: '#0072b2',
  kaplan: '#d55e00',
  chinchilla: '#009e73',
  theory: '#aa4488',
} as const;

/** Several laws side by side, in this order: Okabe and Ito's, the most distinct first. */
export const SERIES = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9'] as const;

/** Viridis at t = 0, 1/16 ... 13/16. */
const VIRIDIS = [
  '#440154', '#48186a', '#472d7b', '#424086', '#3b528b', '#33638d', '#2c728e', '#26828e',
  '#21918c', '#1fa088', '#28ae80', '#3fbc73', '#5ec962', '#84d44b',
]; // biome-ignore format: a table

type Rgb = readonly [number, number, number];

const parse = (hex: string): Rgb => [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)) as unknown as Rgb;
const hex = (rgb: readonly number[]): string =>
  `#${rgb.map((c) => Math.round(c).toString(16).padStart(2, '0')).join('')}`;
const mix = (a: Rgb, b: Rgb, t: number): number[] => a.map((c, i) => c + (b[i]! - c) * t);

/** The sequential palette at `t` in [0, 1]: 0 light green (small) to 1 dark violet (large). */
export function sequential(t: number): string {
  const at = (1 - Math.min(1, Math.max(0, t))) * (VIRIDIS.length - 1);
  const i = Math.min(VIRIDIS.length - 2, Math.floor(at));
  return hex(mix(parse(VIRIDIS[i]!), parse(VIRIDIS[i + 1]!), at - i));
}

/** A colour for each distinct value, placed by its rank: ladders are geometric, so rank is close to log value. */
export function sequentialByRank(values: readonly number[]): Map<number, string> {
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  return new Map(distinct.map((v, i) => [v, sequential(distinct.length === 1 ? 0.6 : i / (distinct.length - 1))]));
}

/** `color` darkened towards black until text in it has at least 4.5 : 1 contrast on white (WCAG 2.2, 1.4.3). */
export function textColor(color: string): string {
  const rgb = parse(color);
  for (let t = 0; t < 1; t += 0.05) {
    const dark = mix(rgb, [0, 0, 0], t);
    if (1.05 / (luminance(dark) + 0.05) >= 4.5) return hex(dark);
  }
  return '#000000';
}

/** Relative luminance of an sRGB colour, 0 black to 1 white (WCAG 2.2). */
function luminance(rgb: readonly number[]): number {
  const [r = 0, g = 0, b = 0] = rgb.map((c) =>
    c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
