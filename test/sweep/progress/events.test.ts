/** @file Events of a sweep folded into what a display shows: share done, time left, recent ends. */
import { describe, expect, it } from 'vitest';
import {
  countByStatus,
  emptyPicture,
  foldEvent,
  type RunWork,
  type SweepEvent,
  secondsLeft,
  shareDone,
} from '../../../src/sweep/progress/events.ts';

const work = (run_id: string, changes: Partial<RunWork> = {}): RunWork => ({
  run_id,
  flops: 100,
  cost: 1,
  num_steps: 10,
  status: 'planned',
  done_steps: 0,
  ...changes,
});

const started = (...runs: RunWork[]): SweepEvent => ({
  event: 'sweep_started',
  out_dir: 'runs/test',
  num_workers: 2,
  num_to_do: runs.filter((run) => run.status === 'planned').length,
  runs,
});

const progress = (run_id: string, step: number, val_loss: number | null = null): SweepEvent => ({
  event: 'run_progress',
  run_id,
  worker: 0,
  progress: { step, num_steps: 10, tokens: step, train_loss: 3, val_loss, tokens_per_second: 10 },
});

const ended = (run_id: string, status: 'finished' | 'diverged' | 'cancelled'): SweepEvent => ({
  event: 'run_ended',
  run_id,
  worker: 0,
  status,
  val_loss: 2,
  seconds: 1,
});

const failed = (run_id: string, will_retry: boolean): SweepEvent => ({
  event: 'run_failed',
  run_id,
  worker: 0,
  message: 'crash',
  stack: null,
  will_retry,
  seconds: 1,
});

const picture = (...events: SweepEvent[]) => {
  const folded = emptyPicture();
  events.forEach((event, i) => {
    foldEvent(folded, event, i * 1000);
  });
  return folded;
};

const begin = (run_id: string): SweepEvent => ({
  event: 'run_started',
  run_id,
  worker: 0,
  from_step: 0,
  attempt: 1,
});

describe('foldEvent', () => {
  it('follows a worker through a run and keeps the last validation loss in view', () => {
    const now = picture(started(work('a'), work('b')), begin('a'), progress('a', 2, 2.5), progress('a', 4));
    expect(now.workers[0]).toMatchObject({ run_id: 'a', progress: { step: 4, val_loss: 2.5 } });
    expect(now.workers[1]).toEqual({ run_id: null, progress: null });
    foldEvent(now, ended('a', 'finished'), 5000);
    expect(now.workers[0]?.run_id).toBeNull();
    expect(now.recent).toEqual([{ run_id: 'a', status: 'finished', val_loss: 2, seconds: 1 }]);
  });

  it('keeps the last few ends, newest first', () => {
    const runs = Array.from({ length: 20 }, (_, i) => work(`r${i}`));
    const now = picture(started(...runs), ...runs.map((run) => ended(run.run_id, 'finished')));
    expect(now.recent[0]?.run_id).toBe('r19');
    expect(now.recent.length).toBeLessThan(10);
  });
});

describe('shareDone', () => {
  it('weighs runs by FLOPs and counts what an earlier sweep did', () => {
    const done = work('done', { status: 'finished', done_steps: 10, flops: 300 });
    const half = work('half', { status: 'cancelled', done_steps: 5 });
    expect(shareDone(picture(started(done, half)))).toBeCloseTo(350 / 400, 12);
  });

  it('is whole for diverged runs, not for failed ones', () => {
    const start = started(work('a'), work('b'));
    expect(shareDone(picture(start, ended('a', 'diverged')))).toBe(0.5);
    expect(shareDone(picture(start, begin('a'), progress('a', 2), failed('a', false)))).toBeCloseTo(0.1, 12);
    expect(shareDone(picture(start, begin('a'), progress('a', 2), ended('a', 'cancelled')))).toBeCloseTo(0.1, 12);
  });

  it('is whole where nothing is planned', () => {
    expect(shareDone(picture(started()))).toBe(1);
  });
});

describe('secondsLeft', () => {
  it('is unknown before any work and extrapolates the pace of this start by cost, not by FLOPs', () => {
    const done = work('done', { status: 'finished', done_steps: 10, cost: 100 });
    const cheap = work('cheap', { cost: 1, flops: 900 });
    const dear = work('dear', { cost: 3, flops: 100 });
    const now = picture(started(done, cheap, dear), begin('cheap'));
    expect(secondsLeft(now, 4000)).toBeNull();
    foldEvent(now, ended('cheap', 'finished'), 5000);
    expect(secondsLeft(now, 5000)).toBeCloseTo(15, 9);
  });

  it('does not wait for failed runs, but for those tried again', () => {
    const base = [started(work('a'), work('b'), work('c')), begin('a'), ended('a', 'finished')];
    expect(secondsLeft(picture(...base, failed('b', false)), 2000)).toBeCloseTo(2, 9);
    expect(secondsLeft(picture(...base, failed('b', true)), 2000)).toBeCloseTo(4, 9);
  });
});

describe('countByStatus', () => {
  it('names only the statuses that occur', () => {
    expect(countByStatus(['finished', 'failed', 'finished'])).toEqual({ finished: 2, failed: 1 });
  });
});
