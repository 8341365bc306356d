/** @file The public tables that the fits are checked against, read where they lie.
 * They are not part of the project: `SCALING_LAB_DATA` names their folder, else `../shared/data` beside the repository.
 * Tests that need them are skipped, by name, where the folder is absent.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FitPoint } from '../../src/fit/fit.ts';
import { readPoints } from '../../src/study/points.ts';

const FOLDER = process.env['SCALING_LAB_DATA'] ?? join(import.meta.dirname, '../../../shared/data');

/** For `describe.skipIf`: whether a table is absent. */
export function isAbsent(name: string): boolean {
  return !existsSync(join(FOLDER, name));
}

export const tablePath = (name: string): string => join(FOLDER, name);

export function readTable(name: string): string {
  return readFileSync(tablePath(name), 'utf8');
}

/** The 245 points that Epoch AI digitised from Hoffmann's Figure 4. */
export function epochPoints(): FitPoint[] {
  const file = 'chinchilla_epoch.csv';
  return readPoints({ text: readTable(file), file, columns: 'N=Model Size,C=Training FLOP,L=loss' });
}

/** The 182 runs with repeated tokens of Muennighoff et al. 2023. */
export function muennighoffPoints(): FitPoint[] {
  const file = 'muennighoff_182.csv';
  return readPoints({ text: readTable(file), file, columns: 'L=loss,id=name' });
}
