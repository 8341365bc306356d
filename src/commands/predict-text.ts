/** @file How far an answer of `predict` lies from the runs behind the law, in words. */
import { formatCount, formatFixed, formatNumber } from '../lib/format.ts';
import { ofColumn } from './fit-text.ts';

/** Decades below which a value counts as inside: a tenth beyond the last run is no extrapolation. */
const INSIDE = 0.05;

/** `extrapolated 1.6 decades in C (44 times the largest, 1.3e22); N and D lie inside the fitted runs`. Nothing where the
 * law says nothing of its runs. */
export function distanceLine(
  range: Readonly<Partial<Record<string, readonly [number, number]>>> | undefined,
  values: Readonly<Partial<Record<string, number>>>,
): string[] {
  const columns = Object.entries(values).flatMap(([column, value]) => {
    const known = range?.[column];
    return value === undefined || known === undefined ? [] : [{ column, value, low: known[0], high: known[1] }];
  });
  if (columns.length === 0) return [];
  const beyond = ({ value, low, high }: (typeof columns)[number]): number =>
    Math.max(Math.log10(value / high), Math.log10(low / value));
  const far = columns.filter((own) => beyond(own) > INSIDE);
  const near = columns.filter((own) => beyond(own) <= INSIDE).map(({ column }) => column);
  const inside =
    near.length === 0 ? '' : `${listed(near)} ${near.length === 1 ? 'lies' : 'lie'} inside the fitted runs`;
  if (far.length === 0) return [inside];
  const words = far.map((own) => {
    const { column, value, low, high } = own;
    const of =
      value > high
        ? `${times(value / high)} times the largest, ${ofColumn(column, high)}`
        : `1/${times(low / value)} of the smallest, ${ofColumn(column, low)}`;
    return `${formatFixed(beyond(own), 1)} decades in ${column} (${of})`;
  });
  return [`extrapolated ${words.join(', ')}${inside === '' ? '' : `; ${inside}`}`];
}

const times = (ratio: number): string => (ratio < 1000 ? formatNumber(ratio, 2) : formatCount(ratio, 2));

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
