/** @file The door of `report/`: figures, tables and the page from plain records.
 * Flow: study (fits, claims) -> records -> figures as SVG text -> this door writes report.html and, for each figure, an
 * .svg and a .png beside it. Figures and tables are pure; only `writeReport` touches the file system.
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../log/log.ts';
import { type ReportInput, renderReport } from './html.ts';
import { renderPng } from './png.ts';

export { criticalBatch as criticalBatchFigure } from './figures/critical-batch.ts';
export { type CurveColumn, curveFits } from './figures/curve-fits.ts';
export { type EnvelopeInput, envelope } from './figures/envelope.ts';
export { errorByDistance } from './figures/error-by-distance.ts';
export { type ExponentRow, exponents as exponentsFigure } from './figures/exponents.ts';
export { halfFit } from './figures/half-fit.ts';
export { holdOutErrors } from './figures/hold-out-errors.ts';
export { isoflopValleys, type Valley } from './figures/isoflop-valleys.ts';
export { type LawLinesInput, lawLines as lawLinesFigure } from './figures/law-lines.ts';
export { learningCurves } from './figures/learning-curves.ts';
export { lossContours } from './figures/loss-contours.ts';
export { lossFrontier } from './figures/loss-frontier.ts';
export { optimalScaling, type ScalingPanel } from './figures/optimal-scaling.ts';
export { profiles } from './figures/profiles.ts';
export { residuals as residualsFigure } from './figures/residuals.ts';
export { type SensitivityPanel, sensitivity } from './figures/sensitivity.ts';
export type { Headline, ReportFigure, ReportGroup, ReportInput } from './html.ts';
export { it, sub } from './rich-text.ts';
export { exponentTable, type LawRow, lawTable, runTable, type Table, tableToText } from './tables.ts';
export { renderPng, renderReport };

/** Figures drawn beside each other; each takes some 20 MB while it is. */
const AT_ONCE = 4;

/** Writes report.html, `<group>-<figure>.svg` and `.png` into `dir`, each whole or not at all (a temporary file, then a
 * rename); returns their paths. Throws LabError('storage') where the folder cannot be written to, and Error for two
 * figures of one name or a name that is no file name. */
export async function writeReport(dir: string, input: ReportInput): Promise<{ html: string; files: string[] }> {
  const figures = [
    ...(input.figures ?? []).map(({ id, svg }) => ({ name: id, svg })),
    ...input.groups.flatMap((g) => g.figures.map((f) => ({ name: `${g.name}-${f.id}`, svg: f.svg }))),
  ];
  const seen = new Set<string>();
  for (const { name } of figures) {
    if (!/^[a-z0-9][a-z0-9_-]*$/.test(name))
      throw new Error(`invalid figure name: ${name} must be of a-z, 0-9, - and _`);
    if (seen.has(name)) throw new Error(`invalid figure name: ${name} stands twice in the report ${input.name}`);
    seen.add(name);
  }
  const html = join(dir, 'report.html');
  const files = [html];
  const write = (name: string, content: string | Uint8Array): void => {
    const path = join(dir, name);
    writeFileAtomic(path, content, { durable: false });
    if (path !== html) files.push(path);
  };
  for (let i = 0; i < figures.length; i += AT_ONCE) {
    const some = figures.slice(i, i + AT_ONCE);
    const pngs = await Promise.all(some.map(({ svg }) => renderPng(svg)));
    for (const [k, { name, svg }] of some.entries()) {
      write(`${name}.svg`, svg);
      write(`${name}.png`, pngs[k]!);
    }
  }
  write('report.html', renderReport(input));
  return { html, files };
}
