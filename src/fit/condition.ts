/** @file Conditions on runs as people write them: `C>1e12`, `N>=3e6 & D<1e9`.
 * A grammar of comparisons of a column with a number, joined by `&` or a comma, all of which must hold. Nothing is
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

/** The condition as a function of a run; the columns it may name, N, D and C where they are not given.
 * @throws LabError('usage') naming the part that cannot be read. */
export function parseCondition<Column extends string = 'N' | 'D' | 'C'>(
  text: string,
  columns: readonly Column[] = ['N', 'D', 'C'] as unknown as readonly Column[],
): (run: Readonly<Record<Column, number>>) => boolean {
  const terms = text.split(/&|,/).map((part) => {
    const [, name, operator, number] = TERM.exec(part) ?? [];
    if (name === undefined)
      throw new LabError(
        'usage',
        `invalid condition: "${part.trim()}" is not a comparison such as ${columns.at(-1)}>1e12; join several with &`,
      );
    const column = columns.find((own) => own === name);
    if (column === undefined) {
      const known = columns.length === 1 ? columns[0] : `${columns.slice(0, -1).join(', ')} or ${columns.at(-1)}`;
      throw new LabError('usage', `invalid condition: unknown column ${name} in "${part.trim()}"; it is ${known}`);
    }
    const compare = COMPARE[operator as keyof typeof COMPARE];
    const limit = Number(number);
    return (run: Readonly<Record<Column, number>>) => compare(run[column], limit);
  });
  return (run) => terms.every((holds) => holds(run));
}
