/** @file The batch script and the cut of runs into arrays. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupRuns, splitArrays } from '../../../src/sweep/slurm/arrays.ts';
import { checkPath, directiveValue, plainName, shellWord } from '../../../src/sweep/slurm/quote.ts';
import { checkSlurmRequest, hasGpu, slurmMinutes } from '../../../src/sweep/slurm/request.ts';
import { batchScript, type ScriptOptions } from '../../../src/sweep/slurm/script.ts';

/** Text that a shell or sbatch could take for more than text. */
const hostile = fc.string({
  unit: fc.constantFrom(...'ab \'"$`\\()%#;&|<>*?!~{}[]=-\tä€'),
  maxLength: 40,
});

/** An `#SBATCH` line's words as sbatch takes them apart (slurm 22.05, src/sbatch/opt.c, _get_argument). */
function sbatchWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (char === '\\') word = (word ?? '') + (line[++i] ?? '');
    else if (quote !== null && char === quote) quote = null;
    else if (quote !== null) word = (word ?? '') + char;
    else if (char === '"' || char === "'") [quote, word] = [char, word ?? ''];
    else if (char === '#') break;
    else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  return word === null ? words : [...words, word];
}

const OPTIONS: ScriptOptions = {
  request: { partition: 'cpu', array_limit: 4, time: '1:30:00' },
  name: 'study-0123456789ab-1',
  first_task: 1000,
  num_tasks: 25,
  threads: 2,
  out_dir: '/runs/a study',
  work_dir: '/work',
  log_dir: '/runs/a study/slurm/logs',
  submission: '0123456789ab',
  program: ['/usr/bin/node', '/lab/dist/cli.js'],
};

describe('batchScript', () => {
  it('asks for what was asked, and runs one command in place of the shell', () => {
    expect(batchScript(OPTIONS)).toBe(`#!/bin/sh
#SBATCH --job-name="study-0123456789ab-1"
#SBATCH --partition="cpu"
#SBATCH --array=0-24%4
#SBATCH --time=1:30:00
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --signal=B:USR1@90
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --chdir="/work"
#SBATCH --output="/runs/a study/slurm/logs/%A_%a.log"
exec '/usr/bin/node' '/lab/dist/cli.js' 'slurm-task' '/runs/a study' --submission 0123456789ab --first-task 1000
`);
  });

  it('leaves to the cluster what was not asked, and asks for GPUs where they were', () => {
    const script = batchScript({ ...OPTIONS, request: { gpus_per_run: 'a100:1' } });
    expect(script).not.toMatch(/--partition|--time|%\d/);
    expect(script).toContain('#SBATCH --array=0-24\n');
    expect(script).toContain('#SBATCH --gres=gpu:a100:1\n');
    expect(batchScript({ ...OPTIONS, request: { gpus_per_run: '0' } })).not.toContain('gres');
  });

  it('hands hostile folders on as they are, to sbatch and to the command', () => {
    fc.assert(
      fc.property(hostile, hostile, (out, work) => {
        const out_dir = `/${out}`.replaceAll('\\', '').replaceAll('\t', '');
        const work_dir = `/${work}`;
        const text = batchScript({
          ...OPTIONS,
          out_dir,
          work_dir,
          log_dir: `${out_dir}/logs`,
          program: ['/bin/echo', 'x'],
        });
        const directives = text.split('\n').filter((line) => line.startsWith('#SBATCH '));
        const words = directives.map((line) => sbatchWords(line.slice('#SBATCH '.length)));
        expect(words.every((found) => found.length === 1)).toBe(true);
        expect(words.flat()).toContain(`--chdir=${work_dir}`);
        expect(words.flat()).toContain(`--output=${out_dir.replaceAll('%', '%%')}/logs/%A_%a.log`);
        expect(text.split('\n')).toHaveLength(15);
      }),
    );
  });
});

describe('shellWord', () => {
  it('is one word for a shell, whatever it holds', () => {
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 20 }), (texts) => {
        const script = `printf '%s\\n' ${texts.map(shellWord).join(' ')}`;
        const { stdout, status } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
        expect(status).toBe(0);
        expect(stdout).toBe(texts.map((text) => `${text}\n`).join(''));
      }),
      { numRuns: 30 },
    );
  });

  it('goes with a check of what no script can name', () => {
    for (const path of ['/a\nb', '/a\\b', '/a\u0000', '/\u001b[2J']) {
      expect(() => checkPath('--out', path)).toThrow(expect.objectContaining({ exit: 'usage' }));
    }
    expect(() => checkPath('--out', `/it's "fine" $(here)`)).not.toThrow();
    expect(directiveValue('a"b')).toBe('"a\\"b"');
    expect(plainName('é;$(x) study')).toBe('----x--study');
  });
});

describe('arrays', () => {
  it('hold every run once, in order, and no more tasks than Slurm takes', () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 2, max: 1001 }), (num, per, size) => {
        const runs = Array.from({ length: num }, (_, i) => i);
        const tasks = groupRuns(runs, per);
        expect(tasks.flat()).toEqual(runs);
        const arrays = splitArrays(tasks.length, size);
        const indices = arrays.flatMap(({ first_task, num_tasks }) =>
          Array.from({ length: num_tasks }, (_, i) => first_task + i),
        );
        expect(indices).toEqual(tasks.map((_, i) => i));
        expect(arrays.every(({ num_tasks }) => num_tasks >= 1 && num_tasks <= size)).toBe(true);
      }),
    );
  });
});

describe('a request', () => {
  it.each([
    ['90', 90],
    ['90:30', 90.5],
    ['1:30:00', 90],
    ['2-12', 3600],
    ['2-12:30', 3630],
    ['2-12:30:30', 3630.5],
    ['1h', null],
    ['', null],
    ['1:2:3:4', null],
    ['5; rm -rf /', null],
  ])('time %j is %j minutes', (text, minutes) => {
    expect(slurmMinutes(text)).toBe(minutes);
  });

  it.each([
    [{ partition: 'a b' }, '--partition'],
    [{ partition: '-x' }, '--partition'],
    [{ partition: 'a\n#SBATCH --wrap=x' }, '--partition'],
    [{ time: 'soon' }, '--time'],
    [{ time: '3' }, 'give 4 minutes or more'],
    [{ gpus_per_run: '1 --wrap=x' }, '--gpus-per-run'],
  ])('%j is refused', (request, message) => {
    expect(() => checkSlurmRequest(request)).toThrow(message);
  });

  it('may name several partitions and a kind of GPU', () => {
    expect(() => checkSlurmRequest({ partition: 'gpu,gpu-long_1', time: '4', gpus_per_run: 'a100:1' })).not.toThrow();
    expect(['1', 'a100:2', '0', 'a100:0', undefined].map((gpus_per_run) => hasGpu({ gpus_per_run }))).toEqual([
      ...[true, true, false, false, false],
    ]);
  });
});
