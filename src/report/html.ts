/** @file The report page: one HTML file that holds everything it shows.
 * Style and figures are inline, there is no script and no reference to another file or host, so the page can be mailed,
 * archived and opened anywhere. Order: what was asked, what came out (headlines with intervals, warnings in plain sight),
 * the figures with captions, the fitted laws, every run, and what it takes to do it again.
 */
import { formatCount, formatDuration, formatFlops } from '../lib/format.ts';
import type { RunRecord } from '../log/record.ts';
import { escapeMarkup } from './document.ts';
import type { ExponentRow } from './figures/exponents.ts';
import { PAGE_STYLE } from './page-style.ts';
import { exponentTable, type LawRow, lawTable, runTable, type Table, tableToHtml } from './tables.ts';

/** One figure of the page, which is also a file. */
export interface ReportFigure {
  /** Unique in its group; lower-case letters, digits, - and _. Part of the file's name. */
  id: string;
  title: string;
  /** What to see, and how it was computed. */
  caption: string;
  /** SVG text as the figure functions return it. */
  svg: string;
}

/** A number worth a large print. */
export interface Headline {
  label: string;
  /** With its interval where it has one: "0.41 [0.37, 0.46]". */
  value: string;
  /** What to compare it with. */
  detail?: string;
}

/** The runs of one block of the study and what was made of them. */
export interface ReportGroup {
  /** The block's name in the study file. */
  name: string;
  title: string;
  description?: string;
  headlines: Headline[];
  warnings: string[];
  figures: ReportFigure[];
  /** Shown before the figures. */
  tables?: Table[];
  exponents: ExponentRow[];
  laws: LawRow[];
  runs: RunRecord[];
}

export interface ReportInput {
  /** The study's name. */
  name: string;
  /** The question, in the words of the study file. */
  description: string;
  /** ISO 8601. */
  created_at: string;
  /** What makes this report again. */
  command: string;
  config_hash: string;
  /** The study file as resolved, as text; shown folded. */
  config?: string;
  /** Headlines and warnings of the study as a whole. */
  headlines: Headline[];
  warnings: string[];
  /** Tables of the study as a whole. */
  tables?: Table[];
  /** Figures of the study as a whole, before those of the groups. */
  figures?: ReportFigure[];
  groups: ReportGroup[];
}

/** The page as HTML text. Every text of the input is escaped but the figures' SVG. */
export function renderReport(input: ReportInput): string {
  const runs = input.groups.flatMap((g) => g.runs);
  let number = 0;
  const isOnly = input.groups.length === 1;
  const figures = (input.figures ?? []).map((figure) => renderFigure(null, figure, ++number));
  const sections = input.groups.map((group) => renderGroup(group, isOnly, () => ++number));
  const contents = input.groups.map(
    (g) => `<li><a href="#group-${escapeMarkup(g.name)}">${escapeMarkup(g.title)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="scaling-lab">
<title>${escapeMarkup(input.name)}: scaling report</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escapeMarkup(input.name)}</h1>
<p class="lines">${escapeMarkup(input.description)}</p>
<p class="meta">${escapeMarkup(totals(runs))} Written ${escapeMarkup(input.created_at)}.</p>
${renderWarnings(input.warnings)}${renderHeadlines(input.headlines)}${(input.tables ?? []).map((table) => renderTable(table, 'wide')).join('\n')}</header>
<nav aria-label="Contents"><ul>${contents.join('')}<li><a href="#reproduce">Reproduce</a></li></ul></nav>
<main>
${figures.length > 0 ? `${figures.join('\n')}\n` : ''}${sections.join('\n')}
${renderReproduction(input, runs)}
</main>
</body>
</html>
`;
}

/** A table that scrolls sideways where the page is narrow; `wide` takes more of the window than the text. */
function renderTable(table: Table, width: 'wide' | 'narrow'): string {
  const label = escapeMarkup(table.caption);
  return `<div class="scroll${width === 'wide' ? ' wide' : ''}" role="region" tabindex="0" aria-label="${label}">${tableToHtml(table)}</div>`;
}

function renderGroup(group: ReportGroup, isOnly: boolean, nextNumber: () => number): string {
  const { name, title, description, figures, exponents, laws, runs } = group;
  return [
    `<section id="group-${escapeMarkup(name)}">`,
    `<h2>${escapeMarkup(title)}</h2>`,
    description ? `<p class="lines">${escapeMarkup(description)}</p>` : '',
    isOnly ? '' : `<p class="meta">${escapeMarkup(totals(runs))}</p>`,
    renderWarnings(group.warnings),
    renderHeadlines(group.headlines),
    ...(group.tables ?? []).map((table) => renderTable(table, 'narrow')),
    exponents.length > 0 ? `<h3>Exponents</h3>\n${renderTable(exponentTable(exponents), 'narrow')}` : '',
    ...figures.map((figure) => renderFigure(name, figure, nextNumber())),
    laws.length > 0 ? `<h3>Laws</h3>\n${renderTable(lawTable(laws), 'narrow')}` : '',
    runs.length > 0 ? `<h3>Runs</h3>\n${renderTable(runTable(runs), 'wide')}` : '',
    '</section>',
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function renderFigure(group: string | null, { id, title, caption, svg }: ReportFigure, number: number): string {
  const anchor = escapeMarkup(group === null ? id : `${group}-${id}`);
  return (
    `<figure id="${anchor}">\n<div class="card">${svg.trim()}</div>\n` +
    `<figcaption><b>Figure ${number}. ${escapeMarkup(title)}.</b> ${escapeMarkup(caption)}</figcaption>\n</figure>`
  );
}

function renderWarnings(warnings: readonly string[]): string {
  if (warnings.length === 0) return '';
  const items = warnings.map((w) => `<li>${escapeMarkup(w)}</li>`).join('');
  const title = warnings.length === 1 ? 'Warning' : `${warnings.length} warnings`;
  return `<div class="warnings" role="note"><strong>${title}</strong><ul>${items}</ul></div>\n`;
}

function renderHeadlines(headlines: readonly Headline[]): string {
  if (headlines.length === 0) return '';
  const items = headlines.map(({ label, value, detail }) => {
    const more = detail === undefined ? '' : `<dd class="detail">${escapeMarkup(detail)}</dd>`;
    return `<div><dt>${escapeMarkup(label)}</dt><dd>${escapeMarkup(value)}</dd>${more}</div>`;
  });
  return `<dl class="headlines">${items.join('')}</dl>\n`;
}

/** "24 runs, 23 finished, 1 diverged; 1.2e12 FLOPs (6 N D), 34.5M tokens, 4 min 10 s of training." */
function totals(runs: readonly RunRecord[]): string {
  if (runs.length === 0) return 'No runs.';
  const counts = new Map<string, number>();
  for (const run of runs) counts.set(run.status, (counts.get(run.status) ?? 0) + 1);
  const states = [...counts].map(([status, n]) => `${n} ${status}`).join(', ');
  const done = runs.filter((r) => r.status === 'finished');
  const sum = (value: (run: RunRecord) => number): number => done.reduce((s, r) => s + value(r), 0);
  const flops = formatFlops(sum((r) => r.flops.six_n_total));
  const tokens = formatCount(sum((r) => r.num_tokens));
  const time = formatDuration(sum((r) => r.train_seconds));
  const plural = runs.length === 1 ? 'run' : 'runs';
  return `${runs.length} ${plural}: ${states}; ${flops} FLOPs (6ND, N total), ${tokens} tokens, ${time} of training.`;
}

function renderReproduction(input: ReportInput, runs: readonly RunRecord[]): string {
  const facts: [string, string][] = [
    ['config hash', input.config_hash],
    [
      'git commit',
      distinct(runs, (r) => (r.git.commit === null ? null : r.git.commit + (r.git.dirty ? ' (modified)' : ''))),
    ],
    ['backend', distinct(runs, (r) => r.backend)],
    ['device', distinct(runs, (r) => r.device)],
    ['machine', distinct(runs, (r) => `${r.host.cpu}, ${r.host.num_cores} cores, ${r.host.platform} ${r.host.arch}`)],
    ['corpus', distinct(runs, (r) => `${r.corpus.name} (sha256 ${r.corpus.sha256.slice(0, 12)})`)],
    ['tokenizer', distinct(runs, (r) => `${r.corpus.tokenizer} (sha256 ${r.corpus.tokenizer_sha256.slice(0, 12)})`)],
    ...versions(runs),
  ];
  const rows = facts
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `<tr><th scope="row">${escapeMarkup(key)}</th><td>${escapeMarkup(value)}</td></tr>`);
  const config =
    input.config === undefined
      ? ''
      : `<details><summary>The study file, resolved</summary><pre>${escapeMarkup(input.config)}</pre></details>\n`;
  return (
    `<section id="reproduce">\n<h2>Environment and how to reproduce</h2>\n<pre>${escapeMarkup(input.command)}</pre>\n` +
    `<div class="scroll"><table class="facts"><tbody>\n${rows.join('\n')}\n</tbody></table></div>\n${config}</section>`
  );
}

/** The different values over all runs, in order of appearance. */
function distinct(runs: readonly RunRecord[], value: (run: RunRecord) => string | null): string {
  return [...new Set(runs.map(value).filter((v) => v !== null && v !== ''))].join('; ');
}

function versions(runs: readonly RunRecord[]): [string, string][] {
  const names = [...new Set(runs.flatMap((r) => Object.keys(r.versions)))].sort();
  return names.map((name) => [name, distinct(runs, (r) => r.versions[name] ?? null)]);
}
