/** @file Conditions on runs as people write them: `C>1e12`, `N>=3e6 & D<1e9`.
 * A grammar of comparisons of N, D or C with a number, joined by `&` or a comma, all of which must hold. Nothing is
 * evaluated. The loss is no column of it: runs chosen by their loss would be a hold-out set chosen by its answer.
 */
import { LabError } from '../lib/errors.ts';

const COMPARE = {
  '>': (x: number, y: number) => x > y,
  '>=': (x: number, y: number) => x >= y,
  '<': (x: number, y: number) => x < y,
  '<=': (x: number, y: number) => x <= y,
} as const;

const TERM = /^\s*([A-Za-z]+)\s*(>=|<=|>|<)\s*(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*$/;

/** The condition as a function of a run. @throws LabError('usage') naming the part that cannot be read. */
export function parseCondition(text: string): (run: { N: number; D: number; C: number }) => boolean {
  const terms = text.split(/&|,/).map((part) => {
    const [, column, operator, number] = TERM.exec(part) ?? [];
    if (column === undefined)
      throw new LabError(
        'usage',
        `invalid condition: "${part.trim()}" is not a comparison such as C>1e12; join several with &`,
      );
    if (column !== 'N' && column !== 'D' && column !== 'C')
      throw new LabError('usage', `invalid condition: unknown column ${column} in "${part.trim()}"; it is N, D or C`);
    const compare = COMPARE[operator as keyof typeof COMPARE];
    const limit = Number(number);
    return (run: { N: number; D: number; C: number }) => compare(run[column], limit);
  });
  return (run) => terms.every((holds) => holds(run));
}
