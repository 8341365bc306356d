/** @file Progress on a terminal, whatever its size. */
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { emptyPicture, foldEvent, type SweepEvent, type SweepPicture } from '../../../src/sweep/progress/events.ts';
import { renderTable, tableRenderer } from '../../../src/sweep/progress/table.ts';

const PLAIN = picocolors.createColors(false);

const EVENTS: SweepEvent[] = [
  {
    event: 'sweep_started',
    out_dir: 'runs/quickstart',
    num_workers: 2,
    num_to_do: 4,
    runs: ['zipf-d8-c1e9', 'zipf-d16-c1e9', 'zipf-d32-c1e9', 'zipf-d64-c1e9'].map((run_id) => ({
      run_id,
      flops: 1e9,
      cost: 1e9,
      num_steps: 1200,
      status: 'planned',
      done_steps: 0,
    })),
  },
  { event: 'worker_ready', worker: 0, pid: 1, backend: 'wasm', device: 'a cpu', placed_on: null, seconds: 1 },
  { event: 'run_started', run_id: 'zipf-d8-c1e9', worker: 0, from_step: 0, attempt: 1 },
  { event: 'run_ended', run_id: 'zipf-d8-c1e9', worker: 0, status: 'finished', val_loss: 0.8125, seconds: 10 },
  { event: 'run_started', run_id: 'zipf-d16-c1e9', worker: 0, from_step: 0, attempt: 1 },
  {
    event: 'run_progress',
    run_id: 'zipf-d16-c1e9',
    worker: 0,
    progress: { step: 600, num_steps: 1200, tokens: 9e5, train_loss: 1.25, val_loss: 1.5, tokens_per_second: 12_340 },
  },
];

function somePicture(events: SweepEvent[] = EVENTS): SweepPicture {
  const picture = emptyPicture();
  for (const event of events) foldEvent(picture, event, 0);
  return picture;
}

describe('renderTable', () => {
  it('shows each worker, the share done, the time left and what ended', () => {
    const lines = renderTable(somePicture(), { columns: 80, rows: 24, now_ms: 15_000, colors: PLAIN });
    expect(lines).toMatchInlineSnapshot(`
      [
        "runs/quickstart  wasm",
        "███████████░░░░░░░░░░░░░░░░░░░  37%  1/4 runs  15 s  25 s left",
        "  run                       step      loss  tokens/s  val loss",
        "1 zipf-d16-c1e9         600/1200    1.2500     12.3k    1.5000",
        "2 –",
        "✓ zipf-d8-c1e9  loss 0.8125  10 s",
      ]
    `);
  });

  it('keeps the names of the runs whole when there is room', () => {
    const text = renderTable(somePicture(), { columns: 120, rows: 24, now_ms: 0, colors: PLAIN }).join('\n');
    expect(text).toContain('zipf-d16-c1e9');
  });

  it('drops columns, not the run, on a narrow terminal', () => {
    const lines = renderTable(somePicture(), { columns: 34, rows: 24, now_ms: 15_000, colors: PLAIN });
    expect(lines.join('\n')).toContain('600/1200');
    expect(lines.join('\n')).not.toContain('tokens/s');
  });

  it('never fills a line or the screen, whatever the names and the size', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '-', '長', '🚀', 'é'), minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }), name, (columns, rows, run_id) => {
        const events = EVENTS.map((event) => ('run_id' in event ? { ...event, run_id } : event));
        const lines = renderTable(somePicture(events), {
          columns,
          rows,
          now_ms: 1e6,
          colors: picocolors.createColors(true),
        });
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(Math.max(1, columns - 1));
      }),
    );
  });

  it('shows something before the first event', () => {
    expect(renderTable(emptyPicture(), { columns: 80, rows: 24, now_ms: 0, colors: PLAIN }).length).toBeGreaterThan(0);
  });
});

describe('tableRenderer', () => {
  it('prints failures into the scrollback, and no colour where none is wanted', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
    const table = tableRenderer({ stream, is_color: false });
    for (const event of EVENTS) table.show(event);
    const failure = { run_id: 'zipf-d32-c1e9', message: 'out of memory', stack: null, will_retry: false, seconds: 1 };
    table.show({ event: 'run_failed', worker: 0, ...failure });
    table.close();
    const written = String(stream.read());
    expect(stripVTControlCharacters(written)).toContain('zipf-d32-c1e9 failed after 1 s: out of memory');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    expect(written).not.toMatch(/\u001b\[[0-9;]*m/);
  });
});
