/** @file The verbs and options of the command line, as a commander program. */
import { readFileSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { SHELLS, type Shell } from './completion-script.ts';
import { withFitting } from './fit-options.ts';
import {
  benchModel,
  type OutputOptions,
  positiveNumber,
  type TrainOptions,
  wholeNumber,
  withAdapter,
  withLimits,
  withOutput,
  withStudy,
  withThreads,
  withTraining,
} from './options.ts';
import { withPrediction } from './predict-options.ts';
import { withSlurm } from './slurm-options.ts';

/** Version in package.json. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The program. `onExit` is told the exit code of the verb that ran. */
export function buildProgram(onExit: (code: number) => void): Command {
  const program = new Command('scaling-lab')
    .description('Train small transformers over sizes and token budgets, and refit the scaling laws with intervals.')
    .version(packageVersion())
    .exitOverride()
    // `setup tensorflow --version` is TensorFlow's, `--version` before a verb the lab's.
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for usage)');
  const exit = async (code: number | Promise<number>) => onExit(await code);
  addTraining(program, exit);
  addFitting(program, exit);
  addMachine(program, exit);
  return program;
}

type Exit = (code: number | Promise<number>) => Promise<void>;

const CONFIG = '<config...>';
const CONFIG_HELP = 'study files; later ones override earlier ones';

function addTraining(program: Command, exit: Exit): void {
  withLimits(withStudy(program.command('plan')))
    .description('the runs of a study with their N, D, FLOPs, steps, memory and minutes; trains nothing')
    .argument(CONFIG, CONFIG_HELP)
    .option('--print-config', 'print the resolved study with the origin of every value, and stop')
    .action(async (files: string[], options: TrainOptions) =>
      exit((await import('./train-study.ts')).planCommand(files, options)),
    );
  withTraining(program.command('train'))
    .description('train a study of one run')
    .argument(CONFIG, CONFIG_HELP)
    .action(async (files: string[], options: TrainOptions) =>
      exit((await import('./train-study.ts')).sweepCommand(files, options, { only_one: true })),
    );
  withSlurm(withTraining(program.command('sweep')))
    .description('train every run of a study; start it again to go on where it stopped')
    .argument(CONFIG, CONFIG_HELP)
    .action(async (files: string[], options: TrainOptions) =>
      exit((await import('./train-study.ts')).sweepCommand(files, options)),
    );
  withSlurm(withTraining(program.command('study')))
    .description('train, fit and report in one go')
    .argument(CONFIG, CONFIG_HELP)
    .option('--refit', 'train nothing: fit and report again, from runs/<name> or the committed runs/reference/<name>')
    .option('--fresh', 'train every run again, in a new folder runs/<name>-1, -2, ...')
    .action(async (files: string[], options) => exit((await import('./study.ts')).studyCommand(files, options)));
  program
    .command('slurm-task', { hidden: true })
    .description('what a batch script of sweep --executor slurm runs')
    .argument('<dir>', 'folder of the study')
    .requiredOption('--submission <id>', 'which submission')
    .requiredOption('--first-task <index>', 'task of which the array has index 0', wholeNumber)
    .action(async (dir: string, options) => exit((await import('./slurm-task.ts')).slurmTaskCommand(dir, options)));
}

function addFitting(program: Command, exit: Exit): void {
  withStudy(program.command('power'))
    .description('simulate how often a study would reproduce its claims; trains nothing')
    .argument(CONFIG, CONFIG_HELP)
    .action(async (files: string[], options) => exit((await import('./power.ts')).powerCommand(files, options)));
  withOutput(program.command('status'))
    .description('how far a study is, or all studies of a runs folder')
    .argument('[dir]', 'folder of a study, or of studies', 'runs')
    .action(async (dir: string, options: OutputOptions) =>
      exit(await (await import('./inspect.ts')).statusCommand(dir, options)),
    );
  withOutput(program.command('verify'))
    .description('whether every record, log, checkpoint and count of a study is whole and agrees; 8 where not')
    .argument('<dir>', 'folder of a study or of an archive, or of several')
    .action(async (dir: string, options: OutputOptions) =>
      exit((await import('./verify.ts')).verifyCommand(dir, options)),
    );
  withThreads(withOutput(program.command('repro')))
    .description('train a recorded run again and name the first step at which it differs, if any; 9 where it does')
    .argument('<dir>', 'folder of a run, or of a study or archive')
    .argument('[run_id]', 'which run of the study or archive')
    .option('--backend <name>', "where to compute (default: the run's own)")
    .action(async (dir: string, run_id: string | undefined, options) =>
      exit((await import('./repro.ts')).reproCommand(dir, run_id, options)),
    );
  withFitting(program.command('fit'))
    .description('fit a scaling law, or read exponents off valleys or curves, of a study or of a table of points')
    .argument('<source>', 'folder of a study, or a CSV file of points')
    .action(async (source: string, options) => exit((await import('./fit.ts')).fitCommand(source, options)));
  withPrediction(program.command('predict'))
    .description('what a law says of a budget, of a size and its tokens, or of a loss to reach')
    .argument('[fit]', 'a fit written by fit --out, or the folder of a study (or name a published one with --law)')
    .action(async (file: string | undefined, options) =>
      exit((await import('./predict.ts')).predictCommand(file, options)),
    );
  withOutput(program.command('report'))
    .description('refit a study that was trained, and draw its figures and report again')
    .argument('<dir>', 'folder of a study')
    .action(async (dir: string, options: OutputOptions) =>
      exit((await import('./study.ts')).reportCommand(dir, options)),
    );
}

function addMachine(program: Command, exit: Exit): void {
  withOutput(program.command('export'))
    .description('the records and metrics of a study in another format')
    .argument('<dir>', 'folder of a study')
    .addOption(
      new Option('--format <format>', 'file format').choices(['csv', 'parquet', 'tensorboard']).makeOptionMandatory(),
    )
    .option('--out <dir>', 'folder to write to (default: inside the study)')
    .action(async (dir: string, options) => exit((await import('./inspect.ts')).exportCommand(dir, options)));
  withOutput(program.command('archive'))
    .description('a study without weights and step logs, in a few files to publish; fit and report read it as it is')
    .argument('<dir>', 'folder of a study')
    .requiredOption('--out <dir>', 'folder to write to')
    .action(async (dir: string, options) => exit((await import('./inspect.ts')).archiveCommand(dir, options)));
  withOutput(program.command('corpus'))
    .description("write a study's corpus as train.bin, val.bin (uint16) and tokenizer.json")
    .argument(CONFIG, CONFIG_HELP)
    .requiredOption('--out <dir>', 'folder to write to')
    .option(
      '--set <path=value>',
      'override a value of the study',
      (value: string, all: string[]) => [...all, value],
      [],
    )
    .option('--train-tokens <count>', 'tokens to write of an endless stream (default: 1,000,000)', positiveNumber)
    .option('--seed <seed>', 'data seed of an endless stream (default: 0)', wholeNumber)
    .action(async (files: string[], options) => exit((await import('./inspect.ts')).corpusCommand(files, options)));
  withAdapter(withOutput(program.command('doctor')))
    .description('backends found and missing, and why; the machine and the versions')
    .action(async (options) => exit((await import('./machine.ts')).doctorCommand(options)));
  withOutput(
    program.command('setup').description('what a backend needs and the install leaves out').command('tensorflow'),
  )
    .description("TensorFlow's library for the tensorflow and cuda backends (default: --from-pip)")
    .option('--from-pip', "a current TensorFlow out of PyPI's wheels, with its CUDA for a GPU")
    .option('--version <version>', 'which TensorFlow of PyPI (default: the newest)')
    .option('--gpu', 'with CUDA (default: where there is an NVIDIA driver)')
    .option('--no-gpu', 'for the CPU only')
    .option(
      '--libtensorflow <dir>',
      "a TensorFlow library that is here: pip's tensorflow folder, or one with lib/ and include/",
    )
    .option('--official', "the package's own install step: TensorFlow 2.9.1 with CUDA 11.2")
    .action(async (options) => exit((await import('./setup.ts')).setupTensorflowCommand(options)));
  withThreads(withOutput(program.command('bench')))
    .description('time whole training steps of four shapes')
    .option('--shape <n_layer,d_model,n_head>', 'time this shape instead; may be repeated', benchModel)
    .option('--backend <name>', 'where to compute', 'auto')
    .action(async (options) => exit((await import('./machine.ts')).benchCommand(options)));
  withOutput(program.command('schema'))
    .description('the JSON Schema of a study file')
    .argument('[file]', 'write it here (default: print it)')
    .action(async (file: string | undefined) => exit((await import('./inspect.ts')).schemaCommand(file)));
  withOutput(program.command('completion'))
    .description('a completion script for the shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action(async (shell: Shell, options: OutputOptions) =>
      exit((await import('./completion.ts')).completionCommand(program, shell, options)),
    );
}
