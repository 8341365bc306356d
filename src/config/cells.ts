/** @file A sweep block -> its cells: the combinations of values that become runs, before seeds.
 * `grid` gives all combinations in the order of its keys, the last key fastest; `list` its entries; `isoflop` budgets x
 * sizes; a block with none of them is one cell. The planner makes runs of cells and the rules check them, so both
 * see the same ones. `resolveCell` lays a cell's values over the study's model and train blocks.
 */
import type { ModelConfig, StudyConfig, SweepConfig, TrainConfig } from './schema.ts';

/** Values of one cell by dotted path, and for isoFLOP cells the budget and the target size. */
export interface Cell {
  values: Record<string, unknown>;
  budget?: number;
  /** Target parameter count, where `sizes` are given in place of widths. */
  size?: number;
  /** Key -> path below the block at which its value was written. */
  sources: Record<string, (string | number)[]>;
}

/** Number of cells of a block, without making them. */
export function countCells(sweep: Partial<SweepConfig>): number {
  if (sweep.grid !== undefined) {
    return Object.values(sweep.grid).reduce<number>((product, values) => product * asList(values).length, 1);
  }
  if (sweep.list !== undefined) return sweep.list.length;
  const { isoflop } = sweep;
  return isoflop === undefined ? 1 : isoflop.budgets.length * (isoflop.d_model ?? isoflop.sizes ?? []).length;
}

/** The cells of a block, in the order written. */
export function sweepCells(sweep: Partial<SweepConfig>): Cell[] {
  if (sweep.grid !== undefined) return gridCells(sweep.grid);
  if (sweep.list !== undefined) {
    return sweep.list.map((values, i) => ({
      values: defined(values),
      sources: Object.fromEntries(Object.keys(values).map((key) => [key, ['list', i, key]])),
    }));
  }
  const { isoflop } = sweep;
  if (isoflop === undefined) return [{ values: {}, sources: {} }];
  return isoflop.budgets.flatMap((budget): Cell[] => {
    const widths = isoflop.d_model?.map((d_model, i) => ({
      budget,
      values: { 'model.d_model': d_model },
      sources: { 'model.d_model': ['isoflop', 'd_model', i] },
    }));
    return widths ?? (isoflop.sizes ?? []).map((size) => ({ budget, size, values: {}, sources: {} }));
  });
}

function gridCells(grid: Record<string, unknown>): Cell[] {
  let cells: Cell[] = [{ values: {}, sources: {} }];
  for (const [key, values] of Object.entries(grid)) {
    cells = cells.flatMap((cell) =>
      asList(values).map((value, i) => ({
        values: { ...cell.values, [key]: value },
        sources: { ...cell.sources, [key]: ['grid', key, i] },
      })),
    );
  }
  return cells;
}

function asList(values: unknown): unknown[] {
  return Array.isArray(values) ? values : [];
}

function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Model and train blocks of a cell: the study's, then the block's `set`, then the cell's own values. */
export function resolveCell(
  study: { model: ModelConfig; train: TrainConfig },
  sweep: { set?: Record<string, unknown> | undefined },
  cell: Cell,
): { model: ModelConfig; train: TrainConfig } {
  const blocks: Record<string, Record<string, unknown>> = { model: { ...study.model }, train: { ...study.train } };
  for (const [path, value] of Object.entries({ ...defined(sweep.set ?? {}), ...cell.values })) {
    const dot = path.indexOf('.');
    const block = blocks[path.slice(0, dot)];
    if (block !== undefined) block[path.slice(dot + 1)] = value;
  }
  return blocks as unknown as Pick<StudyConfig, 'model' | 'train'>;
}
