/** @file Joining tensors for the optimiser: every tensor once, few packs for a model, and values found again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memberValues, planPacks } from '../../../src/backend/tensorflow/packing.ts';
import { paramShapes } from '../../../src/model/size.ts';
import { smallModel } from '../../support/random-params.ts';

const anyShape = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 });
const sizeOf = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/** Indices of the elements of a tensor joined with others, as the joined tensor's elements are numbered. */
function joinedValues(shapes: number[][], axis: number): Float32Array {
  const rows = axis === 0 ? 1 : shapes[0]![0]!;
  const values: number[] = [];
  for (let row = 0; row < rows; row++) {
    shapes.forEach((shape, i) => {
      const length = sizeOf(shape) / rows;
      for (let j = 0; j < length; j++) values.push(1000 * i + row * length + j);
    });
  }
  return Float32Array.from(values);
}

describe('planPacks', () => {
  it('puts every tensor into one pack, whose members differ along its axis only', () => {
    fc.assert(
      fc.property(fc.array(anyShape, { maxLength: 12 }), (shapes) => {
        const packs = planPacks(shapes);
        expect(packs.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual([...shapes.keys()]);
        for (const { members, axis, sizes } of packs) {
          const rest = members.map((i) => shapes[i]!.toSpliced(axis, 1).join());
          expect(new Set(rest).size).toBe(1);
          expect(sizes).toEqual(members.map((i) => shapes[i]![axis] ?? 1));
        }
      }),
    );
  });

  it('needs three packs for a model, whatever its depth', () => {
    for (const n_layer of [1, 5]) {
      const shapes = Object.values(paramShapes(smallModel({ n_layer, bias: true })));
      expect(planPacks(shapes).map(({ axis }) => axis)).toEqual([0, 0, 1]);
    }
  });
});

describe('memberValues', () => {
  it('finds the values of each member again', () => {
    const shapes = fc
      .tuple(
        fc.integer({ min: 0, max: 1 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
      )
      .map(([axis, other, sizes]) => ({
        axis,
        sizes,
        shapes: sizes.map((n) => (axis === 0 ? [n, other] : [other, n])),
      }));
    fc.assert(
      fc.property(shapes, ({ axis, sizes, shapes }) => {
        const pack = { members: [...shapes.keys()], axis, sizes };
        const values = joinedValues(shapes, axis);
        shapes.forEach((shape, i) => {
          const expected = Float32Array.from({ length: sizeOf(shape) }, (_, j) => 1000 * i + j);
          expect(memberValues(pack, values, i)).toEqual(expected);
        });
      }),
    );
  });
});
