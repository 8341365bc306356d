/** @file Progress for programs: one JSON object a line, the event as it is, with `schema_version` and `time`.
 * `event` says which one; events.ts has the fields of each. Readers skip events and keys they do not know.
 */
import { SCHEMA_VERSION } from '../../log/record.ts';
import type { SweepEvent } from './events.ts';
import type { Renderer, RendererOptions } from './progress.ts';

/** One event as a line without its newline. `time` is ISO 8601 in UTC. */
function encodeEvent(event: SweepEvent, time: Date): string {
  return JSON.stringify({ schema_version: SCHEMA_VERSION, time: time.toISOString(), ...event });
}

/** Writes every event as it comes. */
export function ndjsonRenderer({ stream }: RendererOptions): Renderer {
  return {
    show: (event) => void stream.write(`${encodeEvent(event, new Date())}\n`),
    close: () => {},
  };
}
