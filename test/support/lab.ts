/** @file The command line in this process, for tests: its exit code and what it wrote. */
import { vi } from 'vitest';
import { main } from '../../src/cli.ts';

/** Runs the command line and gives its exit code and what it wrote. */
export async function lab(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name === 'stdout' ? 'out' : 'err'] += String(chunk);
      return true;
    }),
  );
  try {
    return { code: await main(args), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
