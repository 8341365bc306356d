/** @file The constants of laws as papers set them: Greek letters, subscripts and stars from the names in our records.
 * `alpha_N` becomes an italic α with a lowered N, `R_D_star` an R with D and a star, `c0` a c with 0. A name that
 * follows no such pattern stays as it is, in italics.
 */
import { it, type RichText, sub } from './rich-text.ts';

const GREEK: Readonly<Record<string, string>> = { alpha: 'α', beta: 'β', gamma: 'γ', delta: 'δ', eta: 'η' };

/** A constant's name as rich text. */
export function symbolOf(name: string): RichText {
  const [, head = name, digits = '', tail = ''] = /^([A-Za-z]+?)(\d*)((?:_\w+)?)$/.exec(name) ?? [];
  const below = [digits, ...tail.split('_').map((part) => (part === 'star' ? '*' : part))].join('');
  const letter = it(GREEK[head] ?? head);
  return below === '' ? [letter] : [letter, sub(below)];
}
