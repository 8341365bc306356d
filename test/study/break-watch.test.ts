/** @file Fits to a growing window: a law that goes on is forecast and raises no more alarms than the test's level allows, one
 * that drops late is forecast badly and noticed after the drop only; and which groups are watched.
 */
import { describe, expect, it } from 'vitest';
import { normal, rngStream } from '../../src/lib/rng.ts';
import type { RunRecord } from '../../src/log/record.ts';
import { watchBreaks } from '../../src/study/break-watch.ts';
import { analyseRecords, formatSummary, plainGroup } from '../../src/study/study.ts';
import { makeRecord } from '../support/run-record.ts';

const HORIZONS = Array.from({ length: 14 }, (_, i) => Math.round(5e4 * 1.45 ** i));

function curve(lossAt: (D: number) => number, { seeds = 3, changes = {} as Partial<RunRecord> } = {}): RunRecord[] {
  return Array.from({ length: seeds }, (_, seed) => {
    const rng = rngStream(seed, 'watch');
    return HORIZONS.map((D) =>
      makeRecord({
        ...{ run_id: `${D}-${seed}`, num_tokens: D, val_loss: lossAt(D) * Math.exp(0.004 * normal(rng)) },
        ...{ spec: { D, init_seed: seed, data_seed: seed }, init_seed: seed, data_seed: seed, ...changes },
      }),
    );
  }).flat();
}

const steady = (D: number) => 0.4 + 60 / D ** 0.4;
/** Falls by half of what is left around the tenth horizon. */
const dropping = (D: number) => 0.2 + (0.2 + 60 / D ** 0.4) / (1 + (D / HORIZONS[9]!) ** 3);

describe('watchBreaks', () => {
  it('forecasts a law that goes on, with few alarms', () => {
    const { windows, early, whole } = watchBreaks(curve(steady), 0)!;
    expect(windows.map(({ num_horizons }) => num_horizons)).toEqual([8, 9, 10, 11, 12, 13, 14]);
    expect(windows.at(-1)!.seeds.every(({ error }) => error === null)).toBe(true);
    const late = windows[4]!.seeds.map(({ error }) => Math.abs(error!));
    expect(Math.max(...late)).toBeLessThan(0.03);
    const alarms = windows.flatMap(({ seeds }) => seeds.filter(({ is_alarm }) => is_alarm));
    expect(alarms.length).toBeLessThanOrEqual(4);
    expect(early!.range.x[1]).toBe(HORIZONS[7]);
    expect(whole!.params['alpha']).toBeCloseTo(0.4, 1);
  });

  it('does not see a late drop coming, and sees it once it is behind', () => {
    const { windows } = watchBreaks(curve(dropping), 0)!;
    expect(windows[0]!.seeds.every(({ error }) => error! > 0.2)).toBe(true);
    const alarms = windows.map(({ seeds }) => seeds.filter(({ is_alarm }) => is_alarm).length);
    expect(alarms[0]).toBeLessThanOrEqual(1);
    expect(alarms.at(-1)).toBe(3);
  });

  it('is for groups of one size at ten horizons or more, of fresh tokens', () => {
    const runs = curve(steady, { seeds: 1 });
    expect(watchBreaks(runs.slice(0, 9), 0)).toBeNull();
    const larger = makeRecord({ num_params: { ...makeRecord().num_params, total: 99_999 } });
    expect(watchBreaks([...runs, larger], 0)).toBeNull();
    expect(watchBreaks(curve(steady, { seeds: 1, changes: { epochs: 3 } }), 0)).toBeNull();
    expect(watchBreaks([], 0)).toBeNull();
  });

  it('leaves out seeds that lack a horizon', () => {
    const runs = curve(steady, { seeds: 2 }).slice(1);
    expect(watchBreaks(runs, 0)!.windows[0]!.seeds.map(({ seed }) => seed)).toEqual(['1']);
  });

  it('is printed and kept with its group', () => {
    const [group] = analyseRecords(curve(dropping), { bootstrap: 0, cluster: 'sizes', seed: 0 });
    expect(formatSummary([group!])).toMatch(/674k +8 +\+\d+\.\d% to \+\d+\.\d% +3 +[01]\n/);
    expect(plainGroup(group!)).toHaveProperty('watch.windows.0.num_horizons', 8);
  });
});
