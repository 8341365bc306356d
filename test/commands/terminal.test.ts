/** @file What a terminal shows of a result: warnings wrapped and coloured, everything else untouched. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dressed, wrapped } from '../../src/commands/terminal.ts';

const YELLOW = '\u001b[33m';
const BOLD = '\u001b[1m';
const table = '  a  b\n  1  a long row of a table that is wider than the terminal and stays so';

describe('dressed', () => {
  const text = `warning (outliers): three points lie far off the law\n\nchinchilla: L = E + A/N^alpha\n${table}`;

  it('wraps warnings to the width and indents what follows', () => {
    const lines = dressed(text, { width: 30, is_color: false }).split('\n');
    expect(lines.slice(0, 3)).toEqual(['warning (outliers): three', '  points lie far off the law', '']);
    expect(lines.slice(3).join('\n')).toBe(`chinchilla: L = E + A/N^alpha\n${table}`);
  });

  it('colours the name of a warning and sets the law in bold; without colours it adds nothing', () => {
    const colored = dressed(text, { width: 80, is_color: true });
    expect(colored).toContain(`${YELLOW}warning (outliers): `);
    expect(colored).toContain(`${BOLD}chinchilla: L = E + A/N^alpha`);
    expect(dressed(text, { width: 80, is_color: false })).toBe(text);
  });

  it('keeps every word in its order, and lines within the width where words allow it', () => {
    const word = fc.stringMatching(/^[a-z]{1,12}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), fc.integer({ min: 16, max: 60 }), (words, width) => {
        const lines = wrapped(words.join(' '), width, '  ');
        expect(lines.join(' ').split(/ +/)).toEqual(words);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
      }),
    );
  });
});
