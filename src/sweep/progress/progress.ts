/** @file Chooses how a sweep's events are shown. All of it goes to one stream, stderr unless a test says otherwise:
 * stdout is for results. A reader that goes away (a closed pipe, a lost terminal) never ends a sweep.
 */
import type { Writable } from 'node:stream';
import type { SweepEvent } from './events.ts';
import { lineRenderer, quietRenderer } from './lines.ts';
import { ndjsonRenderer } from './ndjson.ts';
import { tableRenderer } from './table.ts';

/** `table` needs a terminal. */
export type ProgressKind = 'table' | 'lines' | 'ndjson' | 'quiet';

/** A writable stream that may be a terminal. */
export type ProgressStream = Writable & { columns?: number; rows?: number; isTTY?: boolean };

export interface Renderer {
  show(event: SweepEvent): void;
  /** Leaves the terminal as it was found. */
  close(): void;
}

export interface RendererOptions {
  stream: ProgressStream;
  is_color: boolean;
}

const RENDERERS: Record<ProgressKind, (options: RendererOptions) => Renderer> = {
  table: tableRenderer,
  lines: lineRenderer,
  ndjson: ndjsonRenderer,
  quiet: quietRenderer,
};

/** Starts showing; the caller hands in every event and closes. */
export function startProgress(kind: ProgressKind, options: RendererOptions): Renderer {
  const ignore = () => {};
  options.stream.on('error', ignore);
  const renderer = RENDERERS[kind](options);
  return {
    show: renderer.show,
    close: () => {
      renderer.close();
      // A failed write is reported a turn later.
      setImmediate(() => options.stream.off('error', ignore));
    },
  };
}
