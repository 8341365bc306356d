/** @file Columns of text: widths, and no blanks at the ends of lines. */
import { expect, it } from 'vitest';
import { alignRows } from '../../src/lib/align.ts';

it('pads columns to their widest cell, and leaves no blanks at the ends of lines', () => {
  expect(
    alignRows([
      ['a', 'bb', ''],
      ['ccc', 'd', 'e'],
      ['f', '', ''],
    ]),
  ).toEqual(['  a    bb', '  ccc  d   e', '  f']);
  expect(alignRows([])).toEqual([]);
});
