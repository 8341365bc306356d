/** @file Claims from records to verdicts: a known law is reproduced, another is not, differences of countings pair their
 * replicates, specifications that mean nothing are left out, and claims stay as they were frozen.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { claimSchema } from '../../../src/config/claims.ts';
import type { Claim } from '../../../src/config/config.ts';
import { normal, rngStream } from '../../../src/lib/rng.ts';
import type { RunRecord } from '../../../src/log/record.ts';
import { judgeClaims } from '../../../src/study/claims/claims.ts';
import { freezeClaims, frozenIn } from '../../../src/study/claims/freeze.ts';
import { claimLines, claimNotes } from '../../../src/study/claims/table.ts';
import { termFitter } from '../../../src/study/claims/term.ts';
import { makeRecord } from '../../support/run-record.ts';

const base = makeRecord();
const RESAMPLING = { bootstrap: 200, seed: 0 };

/** IsoFLOP runs of L = 1.5 + A/N^.4 + B/D^.4, so that a = .5, N the total; half of each size's first 20k parameters
 * are no part of its blocks. */
function grid({ group = 'text', sd = 0.001 } = {}): RunRecord[] {
  const rng = rngStream(1, group);
  const sizes = Array.from({ length: 10 }, (_, i) => Math.round(4000 * 1.6 ** i));
  return [1e11, 2e11, 4e11, 8e11, 1.6e12].flatMap((C) =>
    sizes.flatMap((N): RunRecord[] => {
      const D = C / (6 * N);
      if (Math.abs(Math.log(N / (0.35 * (C / 6) ** 0.5)) / Math.log(1.6)) > 3) return [];
      const L = (1.5 + 30 / N ** 0.4 + (30 * 8.16 ** 0.4) / D ** 0.4) * Math.exp(sd * normal(rng));
      const non_embedding = Math.round(N - 40 * N ** 0.5);
      return [
        makeRecord({
          ...{ group, run_id: `${N}-${C}`, num_tokens: D, num_steps: 100, val_loss: L, eval_curve: [] },
          ...{ budget_flops: C, budget_counting: 'six_n_total' },
          num_params: { ...base.num_params, total: N, non_embedding },
          flops: { six_n_total: C, six_n_non_embedding: 6 * non_embedding * D, exact: C },
        }),
      ];
    }),
  );
}

const claim = (fields: object): Claim =>
  claimSchema.parse({ name: 'x', statement: 'x', source: 'x', kind: 'number', ours: [{ group: 'text' }], ...fields });

const judge = (fields: object, records = grid(), resampling = RESAMPLING) =>
  judgeClaims(
    [claim(fields)],
    termFitter(() => records, resampling),
  )[0]!;

describe('judgeClaims', () => {
  it('reproduces the exponent that the runs were made with, and contradicts another', () => {
    const right = judge({ value: 0.5, margin: 0.05 });
    expect(right.verdict).toMatchObject({ outcome: 'reproduced', reason: '' });
    expect(right.estimate).toBeCloseTo(0.5, 1);
    const wrong = judge({ value: 0.73, margin: 0.05 });
    expect(wrong.verdict.outcome).toBe('not reproduced');
  });

  it('leaves out specifications that mean nothing for the approach', () => {
    const names = (fields: object) => judge({ value: 0.5, margin: 0.1, ...fields }).specifications.map((s) => s.name);
    expect(names({})).toEqual(['window_5', 'without_smallest_budget', 'without_largest_budget', 'min_tokens_x2']);
    expect(names({ ours: [{ group: 'text', approach: 3 }] })).toEqual([
      ...['without_smallest_budget', 'without_largest_budget', 'min_tokens_x2', 'delta_x10', 'other_law'],
    ]);
  });

  it('pairs the replicates of two countings of the same runs, whose difference is surer than either', () => {
    const ours = [
      { group: 'text', approach: 3, params: 'non_embedding' },
      { group: 'text', approach: 3, times: -1 },
    ];
    const gap = judge({ kind: 'direction', ours }, grid({ sd: 0.01 }));
    const single = judge({ value: 0.5, margin: 0.05, ours: [ours[0]!] }, grid({ sd: 0.01 }));
    expect(gap.is_paired).toBe(true);
    expect(gap.estimate).toBeGreaterThan(0.03);
    expect(gap.standard_error).toBeLessThan(single.standard_error!);
  });

  it('adds the errors of groups with other sizes in squares', () => {
    const few = grid({ group: 'other' }).filter(({ num_params }) => num_params.total > 20_000);
    const ours = [{ group: 'text' }, { group: 'other', times: -1 }];
    const both = judgeClaims(
      [
        claim({ kind: 'direction', ours }),
        ...ours.map(({ group }, i) => claim({ name: `t${i}`, ours: [{ group }], value: 0.5, margin: 1 })),
      ],
      termFitter(() => [...grid(), ...few], RESAMPLING),
    );
    expect(both[0]!.is_paired).toBe(false);
    expect(both[0]!.standard_error).toBeCloseTo(Math.hypot(both[1]!.standard_error!, both[2]!.standard_error!), 12);
  });

  it('gives no verdict on what was found undecidable beforehand, only the number with its interval', () => {
    const open = judge({ value: 0.5, margin: 0.05 });
    const exploratory = judge({ value: 0.5, margin: 0.05, exploratory: true });
    expect(exploratory.verdict).toEqual({ ...open.verdict, outcome: 'exploratory' });
    expect(exploratory.estimate).toBe(open.estimate);
  });

  it('judges no constant, and nothing of a group that cannot be fitted', () => {
    expect(judge({ kind: 'constant', value: 1 }).verdict.outcome).toBe('not comparable');
    const verdict = judge({ value: 0.5, margin: 0.05 }, grid().slice(0, 3)).verdict;
    expect(verdict).toMatchObject({ outcome: 'not comparable', interval: null });
    expect(verdict.reason).not.toBe('');
  });
});

/** One run a size of L = E + 60 N^-.4, N the total, and of other tokens one more each, which are no part of the line. */
function ladder(E: number): RunRecord[] {
  const rng = rngStream(2, 'ladder');
  return Array.from({ length: 9 }, (_, i) => Math.round(4000 * 1.6 ** i)).flatMap((N) => {
    const L = E + 60 * N ** -0.4 * Math.exp(0.001 * normal(rng));
    const about = { group: 'text', num_params: { ...base.num_params, total: N }, entropy_nats: E };
    return [
      makeRecord({ ...about, run_id: `${N}`, num_tokens: 2e6, val_loss: L, eval_curve: [] }),
      makeRecord({ ...about, run_id: `${N}-short`, num_tokens: 1e6, val_loss: 2 * L, eval_curve: [] }),
    ];
  });
}

describe('a claim of a straight line', () => {
  const ours = (fields: object) => [{ group: 'text', approach: 'line', along: 'N', quantity: 'bend', ...fields }];
  const line = (records: RunRecord[], fields: object = {}) =>
    judge({ kind: 'form', margin: 0.02, ours: ours(fields) }, records);

  it('holds for a power law and not for one with a floor, but for what lies above the floor', () => {
    expect(line(ladder(0)).verdict).toMatchObject({ outcome: 'reproduced', reason: '' });
    expect(line(ladder(1)).verdict.outcome).toBe('not reproduced');
    expect(line(ladder(1)).estimate).toBeGreaterThan(0.03);
    expect(line(ladder(1), { floor: 'exact' }).verdict.outcome).toBe('reproduced');
    expect(judge({ kind: 'constant', value: 0.4, ours: ours({ quantity: 'slope' }) }, ladder(0)).estimate).toBeCloseTo(
      ...([0.4, 3] as const),
    );
  });

  it('is tried without either end too', () => {
    expect(line(ladder(0)).specifications.map(({ name }) => name)).toEqual([
      ...['without_smallest_budget', 'without_largest_budget'],
    ]);
  });

  it('stops runs where they were best, with rows curves', () => {
    const risen = ladder(0).map((record) => ({
      ...record,
      val_loss: 2 * record.val_loss!,
      eval_curve: [{ step: 1, tokens: record.num_tokens, val_loss: record.val_loss }],
    }));
    const at = (rows: string) => line(risen, { rows }).estimate!;
    expect(at('curves')).toBe(line(ladder(0)).estimate);
    expect(at('final')).toBeCloseTo(at('curves'), 10);
    const slope = ours({ quantity: 'slope', floor: 'exact', rows: 'curves' });
    const unknown = risen.map((record) => ({ ...record, entropy_nats: null }));
    expect(() => judge({ kind: 'constant', value: 1, ours: slope }, unknown)).toThrow('no exactly known entropy');
  });
});

/** Runs at seven batches of L = 2 (1000/S_min)^.3 with B_crit = 900/L^3; a lower rate is worse, a higher one diverges. */
function batches(): RunRecord[] {
  return [64, 128, 256, 512, 1024, 2048, 4096].flatMap((B) => {
    const steps = Array.from({ length: 30 }, (_, i) => Math.round(200 * 1.2 ** i));
    const stepsTo = (L: number) => 1000 * (2 / L) ** (1 / 0.3) * (1 + 900 / L ** 3 / B);
    const lossAt = (S: number) => {
      let [low, high] = [0.01, 100];
      for (let round = 0; round < 80; round++) {
        const middle = Math.sqrt(low * high);
        if (stepsTo(middle) > S) low = middle;
        else high = middle;
      }
      return low;
    };
    return [1, 2, 3].map((k) => {
      const eval_curve = steps.map((S) => ({ step: S, tokens: S * B, val_loss: (k === 2 ? 1 : 2) * lossAt(S) }));
      const num_steps = steps.at(-1)!;
      return makeRecord({
        ...{
          group: 'batch',
          run_id: `${B}-${k}`,
          num_tokens: num_steps * B,
          num_steps,
          batch_size: B / 64,
          eval_curve,
        },
        ...{ val_loss: eval_curve.at(-1)!.val_loss, status: k === 3 ? 'diverged' : 'finished' },
        optimizer: { ...base.optimizer, learning_rate: k / 100 },
        schedule: { ...base.schedule, warmup_steps: 0 },
      });
    });
  });
}

/** Replicates of slow fits. */
const FEW = { bootstrap: 20, seed: 0 };

describe('a claim about the critical batch', () => {
  const ours = (quantity: string) => [{ group: 'batch', approach: 'critical_batch', quantity }];

  it('finds B_crit and its growth at the best rate of each batch', () => {
    const growth = judge({ kind: 'direction', minimal_effect: 0.5, ours: ours('growth') }, batches(), FEW);
    expect(growth.estimate).toBeCloseTo(3, 1);
    expect(growth.verdict.outcome).toBe('reproduced');
    const higher = batches().filter(({ optimizer }) => optimizer.learning_rate > 0.01);
    const open = judge({ kind: 'direction', minimal_effect: 0.5, ours: ours('growth') }, higher, FEW);
    expect(open.verdict.reason).toMatch(/^lr_not_bracketed: in 7 of 7 cells/);
    expect(judge({ kind: 'constant', value: 1, ours: ours('alpha_B') }, batches(), FEW).estimate).toBeCloseTo(1 / 3, 2);
    expect(judge({ kind: 'constant', value: 1, ours: ours('B_star') }, batches(), FEW).estimate! / 900).toBeCloseTo(
      1,
      1,
    );
  });

  it('turns C of other runs into C_min, along which their loss is that of small batches', () => {
    const large = batches()
      .filter(({ batch_size, optimizer }) => batch_size === 64 && optimizer.learning_rate === 0.02)
      .map((record) => ({ ...record, group: 'large' }));
    const slope = (more: object) => {
      const term = { group: 'large', approach: 'line', along: 'C', rows: 'curves', quantity: 'slope', ...more };
      return judge({ kind: 'constant', value: 1, ours: [term] }, [...batches(), ...large], FEW);
    };
    // C_min = 6 N S_min B_crit ~ L^(-1/.3 - 3).
    expect(slope({ critical_batch: 'batch' }).estimate).toBeCloseTo(1 / (1 / 0.3 + 3), 2);
    expect(slope({}).estimate).toBeGreaterThan(0.2);
    // Neighbours along a curve share their noise.
    expect(slope({}).standard_error).toBeNull();
  });
});

describe('frozen claims', () => {
  const claims = [claim({ value: 0.5, margin: 0.05 })];
  const folder = () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'claims-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    return dir;
  };

  it('stay as they were first written, and changes are named', () => {
    const dir = folder();
    expect(frozenIn(dir, claims)).toBeNull();
    freezeClaims(dir, claims, 0);
    const first = readFileSync(path.join(dir, 'claims.json'), 'utf8');
    const later = [claim({ value: 0.6, margin: 0.05 }), claim({ name: 'new', value: 1, margin: 1 })];
    freezeClaims(dir, later, 7);
    expect(readFileSync(path.join(dir, 'claims.json'), 'utf8')).toBe(first);
    expect(frozenIn(dir, claims)).toMatchObject({ changed: [], num_finished: 0 });
    expect(frozenIn(dir, later)!.changed).toEqual(['x', 'new']);
  });

  it('are refused where the file was edited', () => {
    const dir = folder();
    freezeClaims(dir, claims, 0);
    const file = path.join(dir, 'claims.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"margin": 0.05', '"margin": 0.5'));
    expect(() => frozenIn(dir, claims)).toThrow(/is not what was frozen/);
  });

  it('print with their number, their freezing and the false verdicts to expect', () => {
    const results = judgeClaims(
      claims,
      termFitter(() => grid(), RESAMPLING),
    );
    const freezing = { sha256: 'abcdef1234567890', frozen_at: '2026-01-01', num_finished: 0, changed: [] };
    const text = claimLines(results, freezing).join('\n');
    expect(text).toMatch(/x +0\.500 +0\.\d+ \[.*\] +reproduced/);
    const [judged, frozen] = claimNotes(results, freezing);
    expect(judged).toMatch(/^1 claim judged; 0\.05 false verdicts/);
    expect(frozen).toMatch(/frozen 2026-01-01 \(abcdef123456\), before the first run/);
    expect(text).toContain(`${judged}\n  ${frozen}`);
    expect(claimNotes(results, null)[1]).toMatch(/not frozen.*exploratory/);
    expect(claimLines([], null)).toEqual([]);
  });
});
