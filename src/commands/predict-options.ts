/** @file The options of `predict`. */
import { type Command, Option } from 'commander';
import { presets } from '../fit/fit.ts';
import { type OutputOptions, positiveNumber, withOutput } from './options.ts';

export interface PredictOptions extends OutputOptions {
  law?: string;
  compute?: number;
  params?: number;
  tokens?: number;
  uniqueTokens?: number;
  steps?: number;
  batch?: number;
  loss?: number;
  inferenceTokens?: number;
  group?: string;
  counting?: 'total' | 'non_embedding';
}

const EXAMPLES = `
Examples:
  scaling-lab predict fit.json --compute 1e15
  scaling-lab predict fit.json --params 1e6 --tokens 1e8
  scaling-lab predict fit.json --loss 1.7 --inference-tokens 1e10
  scaling-lab predict --law chinchilla-2022 --compute 5.76e23
  scaling-lab predict --law kaplan-2020-n --params 1e9`;

/** The options of `predict`, in groups. */
export function withPrediction(command: Command): Command {
  command
    .optionsGroup('Which law:')
    .addOption(
      new Option('--law <preset>', 'a published law in place of a file').choices(presets().map(({ name }) => name)),
    )
    .option('--group <name>', "which group of a study's fit.json")
    .addOption(
      new Option(
        '--counting <params>',
        "which parameters N counts, for a study's fit.json (default: its first)",
      ).choices(['total', 'non_embedding']),
    )
    .optionsGroup('What is asked:')
    .option('--compute <flops>', 'training budget in FLOPs: the best N, D and loss', positiveNumber)
    .option('--params <count>', 'parameters, by the counting of the fit: with --tokens the loss', positiveNumber)
    .option('--tokens <count>', 'training tokens', positiveNumber)
    .option('--loss <nats>', 'a loss to reach: the compute, N and D it takes', positiveNumber)
    .option('--inference-tokens <count>', 'with --loss: tokens to be served, counted into the cost', positiveNumber)
    .optionsGroup('What else a law may read:')
    .option('--unique-tokens <count>', 'unique training tokens (default: none is repeated)', positiveNumber)
    .option('--steps <count>', 'training steps, for kaplan_ns steps far above the critical batch', positiveNumber)
    .option('--batch <tokens>', 'tokens a batch', positiveNumber)
    .optionsGroup('Output:');
  return withOutput(command).helpOption('-h, --help', 'display help for command').addHelpText('after', EXAMPLES);
}
