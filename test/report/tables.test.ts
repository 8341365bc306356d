/** @file Tables: order, dashes, marked rows, empty columns left out; the same cells as HTML and as text. */
import { describe, expect, it } from 'vitest';
import { exponentTable, type LawRow, lawTable, runTable, tableToText } from '../../src/report/report.ts';
import { tableToHtml } from '../../src/report/tables.ts';
import { RUNS, record } from './sample.ts';

const LAW: LawRow = {
  law: 'chinchilla',
  counting: 'total',
  params: {
    E: { value: 0.4023, interval: [0.381, 0.4226] },
    alpha: { value: 0.5, interval: null },
  },
  objective: 0.001018274,
  num_points: 24,
  num_left_out: 2,
  has_converged: true,
};

describe('runTable', () => {
  it('sorts by budget and size whatever the order of the records', () => {
    const records = RUNS.map((r) => record(r));
    const rows = (runs: typeof records) => runTable(runs).rows.map((r) => r.cells);
    expect(rows([...records].reverse())).toEqual(rows(records));
    const budgets = rows(records).map((cells) => Number(cells[2]));
    expect(budgets).toEqual([...budgets].sort((a, b) => a - b));
  });

  it('marks runs that did not finish and says why; a number that is missing is a dash', () => {
    const table = runTable([
      record(RUNS[0]!),
      record(RUNS[1]!, { status: 'diverged', val_loss: null, error: 'NaN at step 3' }),
    ]);
    const column = (title: string) => table.columns.findIndex((c) => c.title === title);
    expect(table.rows.map((r) => r.isMarked)).toEqual([false, true]);
    expect(table.rows[1]!.cells[column('val_loss')]).toBe('–');
    expect(table.rows[1]!.cells[column('above entropy')]).toBe('–');
    expect(table.rows[1]!.cells[column('error')]).toBe('NaN at step 3');
  });

  it('leaves out columns with nothing to say', () => {
    const titles = (table: ReturnType<typeof runTable>) => table.columns.map((c) => c.title);
    expect(titles(runTable([record(RUNS[0]!)]))).not.toContain('error');
    expect(titles(runTable([record(RUNS[0]!)]))).not.toContain('epochs');
    expect(titles(runTable([record(RUNS[0]!, { epochs: 1.5 })]))).toContain('epochs');
    expect(runTable([]).rows).toEqual([]);
  });

  it('shows both seeds where they differ, and how far an unfinished run came', () => {
    const text = tableToText(runTable([record(RUNS[0]!, { data_seed: 7, step: 40, status: 'preempted' })]));
    expect(text).toMatch(/ 0\/7 /);
    expect(text).toMatch(/ 40\/100 /);
  });
});

it('lawTable has a line a parameter, and the objective with what became of the search', () => {
  expect(tableToText(lawTable([LAW, { ...LAW, counting: 'live', num_left_out: 0, has_converged: false }]))).toBe(
    [
      'law         counting           points  parameter     value  90% interval',
      '──────────  ────────  ───────────────  ─────────  ────────  ──────────────',
      'chinchilla  total     24 (2 left out)  E            0.4023  [0.381, 0.423]',
      '                                       alpha        0.5000  –',
      '                                       objective  0.001018  –',
      'chinchilla  live                   24  E            0.4023  [0.381, 0.423]',
      '                                       alpha        0.5000  –',
      '                                       objective  0.001018  not converged',
    ].join('\n'),
  );
});

it('exponentTable sets a beside b and marks what was refused', () => {
  const table = exponentTable([
    { approach: 'Approach 2', counting: 'total', exponent: 'a', value: 0.41, interval: [0.372, 0.458] },
    { approach: 'Approach 2', counting: 'total', exponent: 'b', value: 0.59, interval: [0.54, 0.63] },
    { approach: 'Approach 3', counting: 'total', exponent: 'a', value: null, interval: null, note: '3 runs only' },
  ]);
  expect(table.rows.map((r) => r.isMarked)).toEqual([false, true]);
  expect(tableToText(table)).toBe(
    [
      'approach    counting  a                  b                  note',
      '──────────  ────────  ─────────────────  ─────────────────  ───────────',
      'Approach 2  total     0.41 [0.37, 0.46]  0.59 [0.54, 0.63]  –',
      'Approach 3  total     –                  –                  3 runs only',
    ].join('\n'),
  );
});

describe('writing', () => {
  const table = {
    caption: 'a <caption>',
    columns: [
      { title: 'wide 表', align: 'left' as const },
      { title: 'n', align: 'right' as const },
    ],
    rows: [{ cells: ['表', '1'] }, { cells: ['<i>&\n"x"', '22'], isMarked: true }],
  };
  it('text is aligned by what a terminal shows, one line a row', () => {
    expect(tableToText(table)).toBe(['wide 表    n', '────────  ──', '表         1', '<i>& "x"  22'].join('\n'));
  });
  it('HTML is escaped and has header scopes', () => {
    const html = tableToHtml(table);
    expect(html).toContain('<caption>a &lt;caption&gt;</caption>');
    expect(html).toContain('<th scope="col">wide 表</th><th scope="col" class="num">n</th>');
    expect(html).toContain('<tr class="marked"><td>&lt;i&gt;&amp;\n&quot;x&quot;</td><td class="num">22</td></tr>');
  });
});
