/** @file Writes the generated parts of README.md: the result of the reference study and the data dictionary.
 * Usage, after `npm run build`: `node scripts/readme.mjs`, or `--check` to fail where the file is not current.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { loadConfig } from '../dist/config/config.js';
import { listLaws } from '../dist/fit/fit.js';
import { dataDictionary, readSweep } from '../dist/log/log.js';
import { analyseRecords, formatSummary } from '../dist/study/study.js';

const README = new URL('../README.md', import.meta.url);
const REFERENCE = 'runs/reference/quickstart';

/** What the committed reference study found: figures and the summary that the study printed. */
function result() {
  const { config } = loadConfig([`${REFERENCE}/study.yaml`]);
  const { records } = readSweep(REFERENCE);
  const groups = analyseRecords(records, { ...config.fit, seed: config.seed });
  const figure = (id, alt) => `![${alt}](${REFERENCE}/${id}.png)`;
  return [
    `What \`npm start\` found here (${records.length} runs; records and figures in \`${REFERENCE}/\`):`,
    '',
    figure(
      'lexicon-exponents',
      'Exponents a and b by approach and counting, with intervals, theory and the published values',
    ),
    figure('lexicon-valleys-total', 'IsoFLOP valleys with parabolas and minima'),
    figure('sotu-learning-curves', 'Learning curves on State of the Union bytes'),
    '',
    '```text',
    formatSummary(groups),
    '```',
  ].join('\n');
}

/** The laws that can be fitted. */
function laws() {
  const code = (text) => `\`${text.replaceAll('|', '\\|')}\``;
  const rows = listLaws().map(({ name, formula, inputs, reference }) =>
    ['', code(name), code(formula), inputs.join(', '), reference, ''].join(' | ').trim(),
  );
  const batch = [
    '',
    code('critical_batch'),
    code('B_crit = B_star / L^(1/alpha_B)'),
    'B, S',
    'Kaplan et al. 2020, sec. 5.1',
    '',
  ];
  return ['| `--law` | form | reads | source |', '|---|---|---|---|', ...rows, batch.join(' | ').trim()].join('\n');
}

const SECTIONS = { result, laws, columns: () => dataDictionary('runs') };

const before = readFileSync(README, 'utf8');
const after = Object.entries(SECTIONS).reduce((text, [name, make]) => {
  const [open, close] = [`<!-- generated:${name} -->`, `<!-- /generated:${name} -->`];
  const [start, end] = [text.indexOf(open), text.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`README.md has no section ${open} ... ${close}`);
  return `${text.slice(0, start + open.length)}\n${make()}\n${text.slice(end)}`;
}, before);

if (process.argv.includes('--check')) {
  if (after !== before) {
    console.error('README.md is not current: run node scripts/readme.mjs');
    process.exit(1);
  }
} else writeFileSync(README, after);
