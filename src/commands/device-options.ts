/** @file `--devices` and `--slots-per-device`: which CUDA cards a sweep's workers run on, and how many share one.
 * Names follow CUDA's own count in the order of the PCI bus, which is nvidia-smi's: `cuda:0`.
 */
import { type Command, InvalidArgumentError } from 'commander';

/** Where a sweep's workers run. */
export interface DeviceOptions {
  devices?: 'auto' | number[];
  slotsPerDevice?: 'auto' | number;
}

/** `auto`, or cards as `cuda:0,cuda:1`, each once, as their indices. */
export function deviceList(text: string): 'auto' | number[] {
  if (text === 'auto') return 'auto';
  const indices = text.split(',').map((name) => {
    const index = /^cuda:(\d{1,3})$/.exec(name.trim())?.[1];
    if (index === undefined) throw new InvalidArgumentError(`"${name}" is no device: give auto, or cuda:0,cuda:1.`);
    return Number(index);
  });
  const twice = indices.find((index, i) => indices.indexOf(index) < i);
  if (twice !== undefined) {
    throw new InvalidArgumentError(`cuda:${twice} is there twice: --slots-per-device says how many workers share it.`);
  }
  return indices;
}

/** `auto`, or workers a card, 1 to 64. */
export function slotCount(text: string): 'auto' | number {
  if (text === 'auto') return 'auto';
  if (!/^\d{1,2}$/.test(text) || Number(text) < 1 || Number(text) > 64) {
    throw new InvalidArgumentError('auto, or a whole number from 1 to 64 is needed.');
  }
  return Number(text);
}

/** Adds both options. */
export function withDevices(command: Command): Command {
  return command
    .option('--devices <list>', 'CUDA cards to train on: auto, or cuda:0,cuda:1 (default: all, on CUDA)', deviceList)
    .option(
      '--slots-per-device <count>',
      "workers that share a card, or auto (default): from its free memory and the largest run's estimate",
      slotCount,
    );
}
