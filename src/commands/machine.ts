/** @file `doctor` and `bench`: what this machine can do, and how fast. */
import {
  type AdapterFacts,
  describeAdapter,
  describeBackends,
  resolveBackend,
  startBackend,
} from '../backend/backend.ts';
import { EXIT } from '../lib/errors.ts';
import { formatCount, formatFixed } from '../lib/format.ts';
import { captureEnvironment } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { readGpu } from '../sweep/sweep.ts';
import { type BenchModel, type BenchShape, benchBackend } from '../train/train.ts';
import { gpuAdvice } from './gpu-advice.ts';
import { readGpuState } from './gpu-state.ts';
import type { OutputOptions } from './options.ts';
import { note, printResult } from './output.ts';

/** `doctor`: backends found and missing, and why; GPUs and what to do next; machine and versions. */
export async function doctorCommand(options: OutputOptions & { adapter?: string }): Promise<number> {
  const { adapter: named } = options;
  const backends = await describeBackends({ adapter: named });
  const adapter = await describeAdapter({ adapter: named });
  const auto = await resolveBackend('auto');
  const environment = captureEnvironment();
  const { host, versions, git } = environment;
  const gpuState = await readGpuState(backends, versions);
  const advice = gpuAdvice(gpuState);
  const gpu = { cards: gpuState.query.cards, adapter, advice };
  printResult(options, { schema_version: SCHEMA_VERSION, auto, backends, gpu, ...environment }, () => {
    const width = Math.max(...backends.map(({ name }) => name.length));
    const lines = backends.flatMap(({ name, what, is_available, reason }) => [
      `  ${is_available ? 'ok      ' : 'missing '} ${name.padEnd(width)}  ${what}`,
      ...(is_available ? [] : [`  ${' '.repeat(9)}${' '.repeat(width)}  ${reason}`]),
    ]);
    return [
      'backends, in the order that --backend auto tries them:',
      ...lines,
      `--backend auto takes: ${auto}`,
      ...(adapter ? ['', ...adapterLines(adapter)] : []),
      '',
      'GPUs:',
      ...advice.flatMap(({ found, next }) => [`  ${found}`, ...(next === null ? [] : [`    -> ${next}`])]),
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

/** The GPU adapter of the webgpu backend, for people. */
function adapterLines({ name, driver, vendor, architecture, is_software, limits }: AdapterFacts): string[] {
  const facts = Object.entries(limits).map(([limit, value]) => `    ${limit}: ${value}`);
  return [
    `adapter of the webgpu backend: ${name}${is_software ? ' (software: it computes on the CPU)' : ''}`,
    `  driver ${driver || 'unknown'}, vendor ${vendor || 'unknown'}, architecture ${architecture || 'unknown'}; limits:`,
    ...facts,
  ];
}

/** `bench`: whole training steps of four shapes, forward, backward, clip and AdamW. */
export async function benchCommand(
  options: OutputOptions & { backend: string; threads?: number; adapter?: string; shape?: BenchModel[] },
): Promise<number> {
  const { threads, adapter } = options;
  const { backend } = await readGpu(await startBackend(options.backend, { threads, adapter }));
  note(options, `timing training steps on ${backend.name} (${backend.device})`);
  const onShape = (shape: BenchShape) =>
    note(options, `  n_layer ${shape.n_layer} d_model ${shape.d_model}: ${formatFixed(shape.gflops)} GFLOP/s`);
  const shapes = await benchBackend(backend, onShape, options.shape);
  const value = { schema_version: SCHEMA_VERSION, backend: backend.name, device: backend.device, shapes };
  printResult(options, value, () => {
    const rows = shapes.map((s) =>
      [
        `${s.n_layer}, ${s.d_model}, ${s.n_head}`.padEnd(12),
        formatFixed(s.step_ms, 1).padStart(9),
        formatCount(s.tokens_per_second).padStart(9),
        formatFixed(s.gflops, 2).padStart(8),
        ...(s.launches_per_step === null ? [] : [String(s.launches_per_step).padStart(8)]),
      ].join('  '),
    );
    const launches = shapes.some((s) => s.launches_per_step !== null) ? '  launches' : '';
    return [`n_layer,d_model,n_head   step ms  tokens/s  GFLOP/s${launches}`, ...rows.map((row) => `${row}`)].join(
      '\n',
    );
  });
  return EXIT.ok;
}
