/** @file Lines as a terminal shows them: warnings wrapped and coloured, the rest as it is. A pipe gets the plain lines.
 * Pure: lines in, lines out; who prints says how wide the terminal is and whether it takes colours.
 */
import picocolors from 'picocolors';

export interface Terminal {
  /** Columns. */
  width: number;
  is_color: boolean;
}

/** `warning (name): ...`, `refused (name): ...`, or without a name. */
const WARNING = /^(warning|refused)( \(\w+\))?: /;
/** `chinchilla: L = E + ...`: what was fitted. */
const LAW = /^(\w+: (?:L|B_crit|N_opt) ?(?:\([^)]*\))? ?= .*|approach [12]: .*)$/;

/** Text as a terminal shows it. */
export function dressed(text: string, { width, is_color }: Terminal): string {
  const colors = picocolors.createColors(is_color);
  return text
    .split('\n')
    .flatMap((line) => {
      const [head, kind] = WARNING.exec(line) ?? [];
      if (head === undefined) return [LAW.test(line) ? colors.bold(line) : line];
      const paint = kind === 'refused' ? colors.red : colors.yellow;
      const [first, ...others] = wrapped(line, width, '  ');
      // A narrow terminal may break the head itself.
      const at = Math.min(head.length, first!.length);
      return [paint(first!.slice(0, at)) + first!.slice(at), ...others];
    })
    .join('\n');
}

/** A line in pieces of at most `width`, broken at spaces, later pieces after `indent`; a long word stays whole. */
export function wrapped(line: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let own = '';
  for (const word of line.split(' ')) {
    const longer = own === '' ? (lines.length === 0 ? word : indent + word) : `${own} ${word}`;
    if (longer.length > width && own !== '') {
      lines.push(own);
      own = indent + word;
    } else own = longer;
  }
  return [...lines, own];
}
