/** @file Options that several verbs share, and their parsers. Parsers throw commander's own argument error, which
 * becomes exit code 2 with the option's name in front.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BenchModel } from '../train/train.ts';
import { type DeviceOptions, withDevices } from './device-options.ts';
import type { SlurmOptions } from './slurm-options.ts';

/** How a verb prints. */
export interface OutputOptions {
  json?: boolean;
  quiet?: boolean;
  color?: boolean;
}

/** Where a study comes from. */
export interface StudyOptions extends OutputOptions {
  set: string[];
  out?: string;
}

/** How a study is trained. */
export interface TrainOptions extends StudyOptions, DeviceOptions, SlurmOptions {
  backend?: string;
  workers?: number;
  threads?: number;
  adapter?: string;
  progress?: 'table' | 'lines' | 'ndjson';
  printConfig?: boolean;
  dryRun?: boolean;
  maxHours?: number;
  maxFlops?: number;
  checkpointSeconds?: number;
  hangSeconds?: number;
}

/** A number above 0, also as 1e12. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('a number above 0 is needed.');
  }
  return value;
}

/** A whole number of at least 0. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}

/** A whole number of at least 1. */
export function positiveWhole(text: string): number {
  if (wholeNumber(text) < 1) throw new InvalidArgumentError('a whole number of at least 1 is needed.');
  return Number(text);
}

/** A model to time, as `4,128,4`: n_layer, d_model, n_head; added to those before it. */
export function benchModel(text: string, previous: BenchModel[] = []): BenchModel[] {
  const [n_layer, d_model, n_head, ...rest] = text
    .split(',')
    .map((part) => (/^[1-9]\d{0,4}$/.test(part) ? Number(part) : 0));
  if (!n_layer || !d_model || !n_head || rest.length > 0 || d_model % n_head !== 0) {
    throw new InvalidArgumentError('three whole numbers are needed, as in 4,128,4, and n_head must divide d_model.');
  }
  return [...previous, { n_layer, d_model, n_head }];
}

const collect = (value: string, previous: string[]) => [...previous, value];

/** `--json`, `--quiet`, `--no-color`: every verb has them. */
export function withOutput(command: Command): Command {
  return command
    .option('--json', 'print the result as one JSON object')
    .option('--quiet', 'print nothing but the result and errors')
    .option('--no-color', 'no colours (also: environment variable NO_COLOR)');
}

/** `--set`, `--out`: verbs that read a study file. */
export function withStudy(command: Command): Command {
  return withOutput(command)
    .option('--set <path=value>', 'override a value of the study; may be repeated', collect, [])
    .option('--out <dir>', 'folder of the study (default: runs/<name>)');
}

/** `--adapter`: verbs that may use a GPU through WebGPU. */
export function withAdapter(command: Command): Command {
  return command.option(
    '--adapter <name>',
    "part of a GPU adapter's name, webgpu backend only (default: the best GPU)",
  );
}

/** `--threads`, `--adapter`: verbs that compute. */
export function withThreads(command: Command): Command {
  return withAdapter(command).option(
    '--threads <count>',
    'threads of a process, native backend only (default: 1)',
    positiveWhole,
  );
}

/** Limits on the cost of a plan. */
export function withLimits(command: Command): Command {
  return command
    .option('--max-hours <hours>', 'refuse a plan that takes longer (needs measured speeds)', positiveNumber)
    .option('--max-flops <flops>', 'refuse a plan that costs more training FLOPs (6 N D)', positiveNumber);
}

/** Verbs that train. */
export function withTraining(command: Command): Command {
  return withDevices(withThreads(withLimits(withStudy(command))))
    .option('--backend <name>', "where to compute (default: the study's, which is auto by default)")
    .option(
      '--workers <count>',
      'worker processes (default: one a core, or one for each --threads cores)',
      positiveWhole,
    )
    .addOption(
      new Option(
        '--progress <kind>',
        'how progress is shown on stderr (default: table on a terminal, else lines)',
      ).choices(['table', 'lines', 'ndjson']),
    )
    .option('--checkpoint-seconds <seconds>', 'time between checkpoints (default: 60)', positiveNumber)
    .option('--hang-seconds <seconds>', 'silence after which a worker is killed (default: 900)', positiveNumber)
    .option('--dry-run', 'print the plan and train nothing')
    .option('--print-config', 'print the resolved study with the origin of every value, and stop');
}
