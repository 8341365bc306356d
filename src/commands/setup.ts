/** @file `setup tensorflow`: the library and the binding of the `tensorflow` and `cuda` backends. */
import { setupTensorflow, type TensorflowSetup } from '../backend/backend.ts';
import { EXIT } from '../lib/errors.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import type { OutputOptions } from './options.ts';
import { note, printResult } from './output.ts';

/** `setup tensorflow`: prints what the backends now load. */
export async function setupTensorflowCommand(options: OutputOptions & TensorflowSetup): Promise<number> {
  const result = await setupTensorflow(options, (message) => note(options, message));
  printResult(options, { schema_version: SCHEMA_VERSION, ...result }, () => {
    const { tensorflow, has_cuda, sees_gpu, is_new, library, gpu_complaints } = result;
    const cuda = has_cuda === null ? '' : has_cuda ? ' with CUDA' : ' for the CPU';
    const found = is_new ? 'TensorFlow is set up' : 'TensorFlow was set up already';
    const lines = [`${found}: ${tensorflow}${cuda}, in ${library}`];
    if (has_cuda !== false && !sees_gpu) {
      lines.push('it finds no GPU here that it can use, so --backend cuda is not available', ...gpu_complaints);
    }
    return [...lines, `use it with --backend ${sees_gpu ? 'cuda or --backend tensorflow' : 'tensorflow'}`].join('\n');
  });
  return EXIT.ok;
}
