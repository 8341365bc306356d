/** @file Runs a sweep of the compiled lab in a process of its own, so that a test can kill it.
 * Arguments: a JSON file with runSweep's options. Progress goes to stderr as NDJSON.
 */
import { readFileSync } from 'node:fs';

const { runSweep } = await import(new URL('../../dist/sweep/sweep.js', import.meta.url).href);

await runSweep(JSON.parse(readFileSync(process.argv[2], 'utf8')));
