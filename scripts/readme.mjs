/** @file Writes the generated parts of README.md: the result of the reference study, the committed studies with
 * their claims, the laws and the data dictionary.
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

/** The committed studies, and the verdicts on the claims that they were made for. */
function studies() {
  const names = readdirSync(FOLDER).filter((name) => existsSync(`${FOLDER}/${name}/fit.json`));
  const all = names.map((name) => {
    const { config } = loadConfig([`${FOLDER}/${name}/study.yaml`]);
    const { records } = readSweep(`${FOLDER}/${name}`);
    const { claims, claims_frozen } = JSON.parse(readFileSync(`${FOLDER}/${name}/fit.json`, 'utf8'));
    return { name, config, records, claims, claims_frozen };
  });
  const rows = all.map(({ name, config, records }) => {
    const flops = records.reduce((sum, { flops: { six_n_total } }) => sum + six_n_total, 0);
    const links = `[${name}](configs/${name}.yaml)`;
    return `| ${links} | ${records.length} | ${flops.toExponential(1)} | ${config.description ?? ''} |`;
  });
  const judged = all.flatMap(({ name, config, claims, claims_frozen }) => {
    if (claims.length === 0) return [];
    const statements = new Map(config.claims.map((claim) => [claim.name, claim.statement]));
    const claimRows = claimTable(claims).rows.map(({ cells: [claim, ...rest] }) =>
      ['', statements.get(claim), ...rest, ''].join(' | ').trim(),
    );
    const notes = claimNotes(claims, claims_frozen);
    return [
      ...['', `Claims of \`${name}\` (${notes.map((line) => line.trim()).join('; ')}):`, ''],
      ...['| statement | theirs | ours, 90% | verdict |', '|---|---|---|---|', ...claimRows],
    ];
  });
  return ['| study | runs | 6 N D | about |', '|---|---|---|---|', ...rows, ...judged].join('\n');
}

const SECTIONS = { result, studies, laws, columns: () => dataDictionary('runs') };

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
