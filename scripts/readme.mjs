/** @file Writes the generated parts of README.md: what opens it (protocols side by side, claims and
 * verdicts), the result of the first run, the committed studies, the laws and the data dictionary.
 * Usage, after `npm run build`: `node scripts/readme.mjs`, or `--check` to fail where the file is not current.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadConfig } from '../dist/config/config.js';
import { listLaws } from '../dist/fit/fit.js';
import { dataDictionary, readSweep } from '../dist/log/log.js';
import { analyseRecords, claimNotes, claimTable, formatSummary } from '../dist/study/study.js';

const README = new URL('../README.md', import.meta.url);
const FOLDER = 'runs/reference';
const REFERENCE = `${FOLDER}/quickstart`;

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

/** The committed studies, each with its records and what its fit.json says. */
function committed() {
  const names = readdirSync(FOLDER).filter((name) => existsSync(`${FOLDER}/${name}/fit.json`));
  return names.map((name) => {
    const { config } = loadConfig([`${FOLDER}/${name}/study.yaml`]);
    const { records } = readSweep(`${FOLDER}/${name}`);
    return { name, config, records, fit: JSON.parse(readFileSync(`${FOLDER}/${name}/fit.json`, 'utf8')) };
  });
}

/** From Kaplan's protocol to Chinchilla's: the figure, what it says in two sentences, and the verdicts on all claims. */
function opening() {
  const all = committed();
  const { switches } = all.find(({ name }) => name === 'reconcile').fit;
  const stepsOf = (name) => switches.find((sequence) => sequence.name === name).steps;
  const number = ({ ours: { value, interval } }) =>
    `${value.toFixed(2)} [${interval.map((x) => x.toFixed(2)).join(', ')}]`;
  const ends = (name) => [stepsOf(name)[0], stepsOf(name).at(-1)].map(number);
  const isUndecided = stepsOf('switches-bytes').every(
    ({ difference }) => difference === null || difference.interval[0] * difference.interval[1] <= 0,
  );
  const [large, small] = [ends('switches-bpe4096'), ends('switches-bytes')];
  return [
    `![Exponent a from Kaplan's protocol to Chinchilla's, step by step, beside Porian et al. 2024](${FOLDER}/reconcile/switches-bpe4096.png)`,
    '',
    `On the same text and the same small models Kaplan's protocol gives a = ${large[0]} and Chinchilla's ${large[1]} with a ` +
      'vocabulary of 4,096 (dots, 90% intervals; diamonds: Porian et al. 2024 at their scale). ' +
      `With 102 bytes for a vocabulary it is ${small[0]} and ${small[1]}${isUndecided ? ': no step is told from zero' : ''}.`,
    '',
    ...claimRows(all),
  ].join('\n');
}

/** Claims with a verdict as a table; numbers without one folded away. */
function claimRows(all) {
  const claims = all.flatMap(({ name, config, fit }) => {
    const statements = new Map(config.claims.map((claim) => [claim.name, claim.statement]));
    const table = claimTable(fit.claims).rows;
    return fit.claims.map(({ name: claim, kind, verdict: { outcome, reason } }, i) => {
      const [, theirs, ours] = table[i].cells;
      // A diagnostic is named; its sentence is in the report.
      const why = reason && outcome !== 'exploratory' ? ` (${reason.split(/[:;]/)[0]})` : '';
      const cells = [
        `[${name}](configs/${name}.yaml) ${claim}`,
        statements.get(claim),
        theirs,
        ours,
        `${outcome}${why}`,
      ];
      return { isJudged: outcome !== 'exploratory' && kind !== 'constant', row: `| ${cells.join(' | ')} |` };
    });
  });
  const frozen = all.flatMap(({ name, fit }) =>
    fit.claims.length === 0 ? [] : [`- \`${name}\`: ${claimNotes(fit.claims, fit.claims_frozen).join('; ')}`],
  );
  const head = ['| claim | statement | theirs | ours, 90% | verdict |', '|---|---|---|---|---|'];
  const [judged, others] = [claims.filter((c) => c.isJudged), claims.filter((c) => !c.isJudged)];
  return [
    ...head,
    ...judged.map(({ row }) => row),
    '',
    '<details>',
    `<summary>${others.length} claims about constants of a corpus, or whose power was too low by simulation before the runs: numbers, no verdicts</summary>`,
    '',
    ...head,
    ...others.map(({ row }) => row),
    '',
    '</details>',
    '',
    'The rules of a verdict were written before the runs:',
    '',
    ...frozen,
  ];
}

/** The committed studies with their cost. */
function studies() {
  const rows = committed().map(({ name, config, records }) => {
    const flops = records.reduce((sum, { flops: { six_n_total } }) => sum + six_n_total, 0);
    const hours = records.reduce((sum, { wall_seconds }) => sum + (wall_seconds ?? 0), 0) / 3600;
    const links = `[${name}](configs/${name}.yaml)`;
    return `| ${links} | ${records.length} | ${flops.toExponential(1)} | ${hours.toFixed(2)} | ${config.description ?? ''} |`;
  });
  return ['| study | runs | 6 N D | hours of one worker | about |', '|---|---|---|---|---|', ...rows].join('\n');
}

const SECTIONS = { opening, result, studies, laws, columns: () => dataDictionary('runs') };

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
