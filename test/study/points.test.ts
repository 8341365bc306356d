/** @file Points from CSV text: columns, derived quantities, and every fault with its place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../src/study/csv.ts';
import { readPoints } from '../../src/study/points.ts';

const read = (text: string, columns?: string) =>
  readPoints({ text, file: 'p.csv', ...(columns === undefined ? {} : { columns }) });

/** The message of the usage error that `call` must throw. */
function fault(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toMatchObject({ name: 'LabError', exit: 'usage' });
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('parseCsv', () => {
  it('reads quotes, doubled quotes, separators and line breaks inside them, and says where cells stand', () => {
    const rows = parseCsv('a,"b ""c"", d"\r\n"1\r\n2",3\n\n4,\n', 'f');
    expect(rows.map((row) => row.map((cell) => cell.text))).toEqual([
      ['a', 'b "c", d'],
      ['1\r\n2', '3'],
      ['4', ''],
    ]);
    expect(rows[1]![1]).toEqual({ text: '3', line: 3, column: 4 });
    expect(rows[2]![0]).toEqual({ text: '4', line: 5, column: 1 });
  });

  it('round-trips any table', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'é', ';') });
    fc.assert(
      fc.property(
        fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1 }),
        fc.boolean(),
        (table, bom) => {
          // The first line must show the separator.
          const rows = [['x', 'y'], ...table];
          const text = rows.map((row) => row.map((c) => `"${c.replaceAll('"', '""')}"`).join(',')).join('\n');
          const back = parseCsv((bom ? '\uFEFF' : '') + text, 'f');
          expect(back.map((row) => row.map((c) => c.text))).toEqual(rows);
        },
      ),
    );
  });

  it.each([
    [
      'N\tL\n1\t2',
      [
        ['N', 'L'],
        ['1', '2'],
      ],
    ],
    [
      'N;L\r1;2\r',
      [
        ['N', 'L'],
        ['1', '2'],
      ],
    ],
    ['', []],
    ['\n \n', []],
  ])('reads %j', (text, table) => {
    expect(parseCsv(text, 'f').map((row) => row.map((cell) => cell.text))).toEqual(table);
  });

  it('names the place of a broken quote', () => {
    expect(fault(() => parseCsv('a,b\n1,"2', 'f.csv'))).toBe('f.csv:2:3: the quote that opens here is never closed');
    expect(fault(() => parseCsv('a,b\n"1"x,2', 'f.csv'))).toBe('f.csv:2:4: text follows a closing quote');
  });
});

describe('readPoints', () => {
  it('takes columns by symbol, D and C given', () => {
    expect(read('id,N,D,C,L,weight,group,note\nr1,10,200,9000,2.5,0.5,a,x\n')).toEqual([
      { id: 'r1', N: 10, D: 200, C: 9000, L: 2.5, weight: 0.5, group: 'a' },
    ]);
  });

  it('takes named columns, and derives D from C', () => {
    const text = 'x,Model Size,Training FLOP,hex,loss\n1,2e6,1.2e10,#f,3.25\n';
    expect(read(text, 'N=Model Size,C=Training FLOP,L=loss')).toEqual([
      { N: 2e6, C: 1.2e10, D: 1e3, L: 3.25, id: 'p.csv:2' },
    ]);
  });

  it('derives C from D, and takes unnamed symbols under their own names', () => {
    expect(read('name,N,D,loss\na,10,100, 2 \n', 'L=loss , id=name')).toEqual([
      { N: 10, D: 100, C: 6000, L: 2, id: 'a' },
    ]);
  });

  it('reads names with commas and equals signs', () => {
    const text = '"size, total",tokens = D,L\n10,100,2\n';
    expect(read(text, 'N=size, total,D=tokens = D')[0]).toMatchObject({ N: 10, D: 100 });
  });

  it('reports every fault at once, with line, column and value', () => {
    const text = 'N,D,L\n10,100,2\nabc,-5,2\n"20",,0\n1e999,3,1_000\n5,6\n7,8,9,10\n';
    expect(fault(() => read(text)).split('\n')).toEqual([
      'p.csv:3:1: N: "abc" is not a number',
      'p.csv:3:5: D: -5 is not positive',
      'p.csv:4:6: D: the cell is empty',
      'p.csv:4:7: L: 0 is not positive',
      'p.csv:5:1: N: 1e999 is too large',
      'p.csv:5:9: L: "1_000" is not a number',
      'p.csv:6:3: 2 cells, the header has 3',
      'p.csv:7:7: 4 cells, the header has 3',
    ]);
  });

  it('lists twenty faults and counts the others', () => {
    const message = fault(() => read(`N,D,L\n${'x,1,2\n'.repeat(33)}`));
    expect(message.split('\n')).toHaveLength(21);
    expect(message).toMatch(/\nand 13 more$/);
  });

  it('names a missing column with the one that was meant', () => {
    expect(fault(() => read('Model Size,FLOPs,loss\n1,2,3', 'N=Modle Size,C=FLOPs,L=loss')).split('\n')).toEqual([
      'p.csv:1:1: N: no column "Modle Size" (did you mean "Model Size"?)',
      'p.csv:1:1: the columns are "Model Size", "FLOPs", "loss"',
    ]);
    expect(fault(() => read('params,tokens,val_loss\n1,2,3')).split('\n')).toEqual([
      'p.csv:1:1: no column for N (parameters)',
      'p.csv:1:1: no column for D (training tokens); N and C, or S and B would do too',
      'p.csv:1:1: no column for L (loss in nats a token)',
      'p.csv:1:1: the columns are "params", "tokens", "val_loss"',
      'p.csv:1:1: name what is missing with --columns "N=params,D=tokens,L=val_loss"',
    ]);
  });

  it('asks for what the law at hand reads, however it can be had', () => {
    const needing = (needs: string[], text: string, columns?: string) =>
      readPoints({ text, file: 'p.csv', needs, ...(columns === undefined ? {} : { columns }) })[0];
    expect(needing(['N'], 'N,L\n10,2')).toMatchObject({ N: 10, D: Number.NaN, L: 2 });
    expect(needing(['C'], 'C,L\n600,2')).toMatchObject({ C: 600, L: 2 });
    expect(needing(['N', 'D', 'U'], 'N,D,epochs,L\n10,100,4,2')).toMatchObject({ U: 25 });
    expect(needing(['S', 'B'], 'N,D,batch,L\n10,100,20,2', 'B=batch')).toMatchObject({ S: 5, B: 20 });
    expect(needing(['N', 'D'], 'N,S,B,L\n10,5,20,2')).toMatchObject({ D: 100, C: 6000 });
    expect(fault(() => needing(['N', 'D', 'U'], 'Model Size,Training FLOP,epochs,loss\n1,2,3,4')).split('\n')).toEqual([
      'p.csv:1:1: no column for N (parameters)',
      'p.csv:1:1: no column for D (training tokens); N and C, or S and B would do too',
      'p.csv:1:1: no column for U (unique training tokens); D and epochs would do too',
      'p.csv:1:1: no column for L (loss in nats a token)',
      'p.csv:1:1: the columns are "Model Size", "Training FLOP", "epochs", "loss"',
      'p.csv:1:1: name what is missing with --columns "N=Model Size,C=Training FLOP,U=...,L=loss"',
    ]);
    expect(fault(() => needing(['U'], 'N,D,passes,L\n1,2,3,4'))).toContain('--columns "U=..."');
  });

  it.each([
    ['N,L\n1,2', undefined, 'no column for D'],
    ['N,D,L,L\n1,2,3,4', undefined, 'L: two columns are named "L"'],
    ['N,D,L\n1,2,3', 'Q=N', 'unknown symbol Q; the symbols are N, D, C, L, S, U, B, epochs, weight, group, id'],
    ['N,D,L\n1,2,3', 'N=N,N=D', 'N is named twice'],
    ['N,D,L\n1,2,3', 'N', '"N" is not symbol=column'],
    ['N,D,L\n', undefined, 'p.csv has a header but no rows'],
    ['', undefined, 'p.csv is empty'],
    ['N,D,L,weight\n1,2,3,-1', undefined, 'p.csv:2:7: weight: -1 is negative'],
    ['N,D,L\n1,NaN,inf', undefined, 'D: "NaN" is not a number'],
  ])('refuses %j', (text, columns, message) => {
    expect(fault(() => read(text, columns))).toContain(message);
  });
});
