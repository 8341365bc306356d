/** @file `doctor` and `bench`: what this machine can do, and how fast. */
import { describeBackends, resolveBackend, startBackend } from '../backend/backend.ts';
import { EXIT } from '../lib/errors.ts';
import { formatCount, formatFixed } from '../lib/format.ts';
import { captureEnvironment } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { benchBackend } from '../train/train.ts';
import type { OutputOptions } from './options.ts';
import { note, printResult } from './output.ts';

/** `doctor`: backends found and missing, and why; machine and versions. */
export async function doctorCommand(options: OutputOptions): Promise<number> {
  const backends = await describeBackends();
  const auto = await resolveBackend('auto');
  const environment = captureEnvironment();
  const { host, versions, git } = environment;
  printResult(options, { schema_version: SCHEMA_VERSION, auto, backends, ...environment }, () => {
    const width = Math.max(...backends.map(({ name }) => name.length));
    const lines = backends.flatMap(({ name, what, is_available, reason }) => [
      `  ${is_available ? 'ok      ' : 'missing '} ${name.padEnd(width)}  ${what}`,
      ...(is_available ? [] : [`  ${' '.repeat(9)}${' '.repeat(width)}  ${reason}`]),
    ]);
    return [
      'backends, fastest first:',
      ...lines,
      `--backend auto takes: ${auto}`,
      '',
      `machine: ${host.cpu}, ${host.num_cores} cores, ${host.platform} ${host.arch}`,
      `versions: ${Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}`,
      `commit: ${git.commit ?? 'not a git checkout'}${git.dirty ? ' with local changes' : ''}`,
    ].join('\n');
  });
  return EXIT.ok;
}

/** `bench`: whole training steps of four shapes, forward, backward, clip and AdamW. */
export async function benchCommand(options: OutputOptions & { backend: string; threads?: number }): Promise<number> {
  const { threads } = options;
  const backend = await startBackend(options.backend, { threads });
  note(options, `timing training steps on ${backend.name} (${backend.device})`);
  const shapes = benchBackend(backend, (shape) => {
    note(options, `  n_layer ${shape.n_layer} d_model ${shape.d_model}: ${formatFixed(shape.gflops)} GFLOP/s`);
  });
  const value = { schema_version: SCHEMA_VERSION, backend: backend.name, device: backend.device, shapes };
  printResult(options, value, () => {
    const rows = shapes.map((s) =>
      [
        `${s.n_layer}, ${s.d_model}, ${s.n_head}`.padEnd(12),
        formatFixed(s.step_ms, 1).padStart(9),
        formatCount(s.tokens_per_second).padStart(9),
        formatFixed(s.gflops, 2).padStart(8),
      ].join('  '),
    );
    return [`n_layer,d_model,n_head   step ms  tokens/s  GFLOP/s`, ...rows.map((row) => `${row}`)].join('\n');
  });
  return EXIT.ok;
}
