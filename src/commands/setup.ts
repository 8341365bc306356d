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
    const { tensorflow, has_cuda, is_new, library } = result;
    const cuda = has_cuda === null ? '' : has_cuda ? ' with CUDA' : ' for the CPU';
    const next = has_cuda ? 'cuda or tensorflow' : 'tensorflow';
    const found = is_new ? 'TensorFlow is set up' : 'TensorFlow was set up already';
    return `${found}: ${tensorflow}${cuda}, in ${library}\nuse it with --backend ${next.replace(' or ', ' or --backend ')}`;
  });
  return EXIT.ok;
}
