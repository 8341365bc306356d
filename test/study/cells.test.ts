/** @file Cells by label: equal where the canonical JSON of what the runs share is, and nowhere else. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '../../src/config/config.ts';
import { byCell, cellLabels } from '../../src/study/cells.ts';
import { makeRecord } from '../support/run-record.ts';

const leaf = fc.oneof(fc.constantFrom(0, -0, 1, 0.5, true, null, '', 'a', 'b'), fc.constant(undefined));
const members = fc.dictionary(fc.constantFrom('a', 'b', '1'), fc.oneof(leaf, fc.array(leaf, { maxLength: 2 })), {
  maxKeys: 2,
});
const specs = fc.array(fc.record({ model: fc.oneof(leaf, members), init_seed: fc.nat(3) }), { maxLength: 12 });

it('are those of equal JSON without its seeds, numbered as they are met', () => {
  fc.assert(
    fc.property(specs, fc.boolean(), (all, without_rate) => {
      // What came from JSON has no holes.
      const own = all.map((spec) => ({ ...spec, model: spec.model ?? 0 }));
      const records = own.map((spec, i) =>
        makeRecord({ spec, optimizer: { ...makeRecord().optimizer, learning_rate: (i % 2) + 1 } }),
      );
      const keys = records.map(({ spec: { init_seed: _, ...rest }, optimizer }) =>
        canonicalJson({ rest: JSON.parse(JSON.stringify(rest)), rate: without_rate ? 0 : optimizer.learning_rate }),
      );
      const distinct = [...new Set(keys)];
      const options = { without_rate };
      const clean = records.map((record) => ({ ...record, spec: JSON.parse(JSON.stringify(record.spec)) }));
      expect(cellLabels(clean, options)).toEqual(keys.map((key) => distinct.indexOf(key)));
      expect(byCell(clean, options).map((cell) => cell.length)).toEqual(
        distinct.map((key) => keys.filter((other) => other === key).length),
      );
    }),
  );
});

it('do not depend on the order of keys', () => {
  const [a, b] = [
    { x: { p: 1, q: 2 }, y: 1 },
    { y: 1, x: { q: 2, p: 1 } },
  ];
  expect(cellLabels([makeRecord({ spec: a }), makeRecord({ spec: b })])).toEqual([0, 0]);
  // Members that change places.
  expect(cellLabels([makeRecord({ spec: { p: 1, q: 2 } }), makeRecord({ spec: { p: 2, q: 1 } })])).toEqual([0, 1]);
});
