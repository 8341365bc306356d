/** @file Sums and maxima over a workgroup in WGSL, in two rounds and a fixed order: the same numbers give the same bits,
 * and a workgroup waits for its threads three times, not once for each halving.
 */

/** A reduction of `value` over the threads of a workgroup, or over each run of `lanes` of them. */
interface Reduction {
  /** Name of the WGSL function, `name(value, index)`; every thread gets the result of its run. */
  name: string;
  /** Threads of the workgroup. */
  threads: number;
  /** A power of two that divides `threads`. Default: all. */
  lanes?: number;
  type?: 'f32' | 'vec2<f32>';
  /** WGSL of `a` and `b` combined. */
  combine?: (a: string, b: string) => string;
}

/** WGSL of the function: the first threads of a run combine some values each, then every thread combines their results.
 * `index` is the thread's in the workgroup. */
export function reduction({
  name,
  threads,
  lanes = threads,
  type = 'f32',
  combine = (a, b) => `${a} + ${b}`,
}: Reduction): string {
  const firsts = 2 ** Math.floor(Math.log2(lanes) / 2);
  return `
  var<workgroup> ${name}_part: array<${type}, ${threads}>;
  fn ${name}(value: ${type}, index: u32) -> ${type} {
    let lane = index % ${lanes}u;
    let run = index - lane;
    ${name}_part[index] = value;
    workgroupBarrier();
    if (lane < ${firsts}u) {
      var some = ${name}_part[index];
      for (var i = ${firsts}u; i < ${lanes}u; i += ${firsts}u) { some = ${combine('some', `${name}_part[index + i]`)}; }
      ${name}_part[index] = some;
    }
    workgroupBarrier();
    var all = ${name}_part[run];
    for (var i = 1u; i < ${firsts}u; i++) { all = ${combine('all', `${name}_part[run + i]`)}; }
    workgroupBarrier();
    return all;
  }`;
}

/** WGSL of `row_sum(value, index)`: the sum over the workgroup, or over each run of `lanes`. */
export const rowSum = (threads: number, lanes = threads): string => reduction({ name: 'row_sum', threads, lanes });

/** Columns that a workgroup of `columnSums` makes, and the threads it has. */
export const COLUMNS = 8;
const DOWN = 32;
export const COLUMN_THREADS = COLUMNS * DOWN;

/** WGSL of `column_sums(col0, lane, rows)`: the sum over the rows of `value`, WGSL of `row` and `col`, for column
 * `col0 + lane` of the matrix of width `sizes.N`; lanes from COLUMNS on get nothing of use. */
export function columnSums(type: 'f32' | 'vec2<f32>', value: string): string {
  return `
  var<workgroup> column_part: array<${type}, ${COLUMN_THREADS}>;
  fn column_sums(col0: u32, lane: u32, rows: u32) -> ${type} {
    let col = col0 + lane % ${COLUMNS}u;
    var sum = ${type}();
    for (var row = lane / ${COLUMNS}u; row < rows; row += ${DOWN}u) {
      if (col < sizes.N) { sum += ${value}; }
    }
    column_part[lane] = sum;
    workgroupBarrier();
    var total = ${type}();
    for (var i = lane % ${COLUMNS}u; i < ${COLUMN_THREADS}u; i += ${COLUMNS}u) { total += column_part[i]; }
    return total;
  }`;
}
