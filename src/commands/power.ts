/** @file `power`: how often a study would reproduce its claims if they were true, before anything is trained. */
import { EXIT, LabError } from '../lib/errors.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { powerLines, simulatePower } from '../study/study.ts';
import type { StudyOptions } from './options.ts';
import { printResult } from './output.ts';
import { planFiles } from './plan-study.ts';

/** Replicates of each simulated study's bootstrap: enough for a standard error to 7%. */
const REPLICATES = 100;

/** `power CONFIG...`. Throws `usage` where the study has no claims or says nothing of the truth to simulate. */
export async function powerCommand(files: string[], options: StudyOptions): Promise<number> {
  const { plan, config } = await planFiles(files, options);
  const { claims, power } = config;
  if (claims.length === 0) throw new LabError('usage', `${files.join(' ')}: no claims to simulate`);
  if (!power) throw new LabError('usage', `${files.join(' ')}: no power block: surfaces, seed_sd, size_sd`);
  const powers = simulatePower(plan, claims, power, REPLICATES);
  printResult(options, { schema_version: SCHEMA_VERSION, draws: power.draws, powers }, () =>
    [`${power.draws} simulated studies of ${plan.runs.length} runs`, ...powerLines(powers)].join('\n'),
  );
  return EXIT.ok;
}
