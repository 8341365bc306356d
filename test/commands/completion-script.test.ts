/** @file Completion scripts, run by the shells they are for: bash always, zsh and fish where they are installed. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionScript, SHELLS } from '../../src/commands/completion-script.ts';
import { buildProgram } from '../../src/commands/program.ts';
import { temporaryFolder } from '../support/run-record.ts';

const TRAP = 'it\'s $(touch pwned) `touch pwned`; "x"';

function sampleProgram(): Command {
  const program = new Command('scaling-lab').version('1').option('--no-color', TRAP);
  program
    .command('plan')
    .alias('p')
    .summary("the runs: N, D 'and' more")
    .argument('<config...>')
    .option('-o, --out <dir>', 'folder')
    .option('--points <file>', 'file')
    .option('--max-hours <hours>', TRAP)
    .option('--json');
  program
    .command('export')
    .argument('<dir>')
    .addArgument(new Argument('[what]').choices(['runs', 'metrics']))
    .addOption(new Option('--format <format>').choices(['csv', 'parquet', TRAP]));
  program.command('setup').command('tensorflow').option('--jobs <n>');
  program.command('secret', { hidden: true });
  return program;
}

/** A folder with two files, one named with a space, and a folder. */
function workFolder(): string {
  const dir = temporaryFolder();
  mkdirSync(join(dir, 'runs'));
  for (const name of ['study.yaml', 'a b.yaml']) writeFileSync(join(dir, name), '');
  return dir;
}

const FISH = 'fish';

type Complete = (words: string[], cwd?: string) => string[];

/** Simulates what bash sets before it calls a completion function; "=" is a word of its own there. */
const inBash: Complete = (words, cwd = workFolder()) => {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const lines = [
    completionScript(sampleProgram(), 'bash'),
    `COMP_WORDS=(scaling-lab ${quoted}); COMP_CWORD=${words.length}`,
    `_scaling_lab; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ];
  const output = execFileSync('bash', ['--norc', '-c', lines.join('\n')], { cwd, encoding: 'utf8', stdio: 'pipe' });
  expect(readdirSync(cwd)).not.toContain('pwned');
  return output.split('\n').filter((word) => word !== '');
};

const inFish: Complete = (words, cwd = workFolder()) => {
  const script = join(temporaryFolder(), 'completion.fish');
  writeFileSync(script, completionScript(sampleProgram(), 'fish'));
  const line = ['scaling-lab', ...words].join(' ').replaceAll(' = ', '=').replace(/ =$/, '=');
  const run = `source ${script}; complete -C '${line}'`;
  const output = execFileSync(FISH, ['--no-config', '-c', run], { cwd, encoding: 'utf8', stdio: 'pipe' });
  expect(readdirSync(cwd)).not.toContain('pwned');
  return output
    .split('\n')
    .filter((word) => word !== '')
    .map((word) => word.replace(/\t.*/, ''));
};

function has(shell: string): boolean {
  try {
    execFileSync(shell, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.each([
  ['bash', inBash],
  ['fish', inFish],
] as const)('%s (skipped where it is not installed)', (shell, complete) => {
  describe.skipIf(!has(shell))('candidates', () => {
    it('are the verbs, but not the hidden ones', () => {
      expect(complete(['']).sort()).toEqual(['export', 'help', 'plan', 'setup']);
      expect(complete(['pl'])).toEqual(['plan']);
      expect(complete(['zzz'])).toEqual([]);
    });

    it('are the options of a verb and of those above it', () => {
      expect(complete(['plan', '--']).sort()).toEqual(
        ['--help', '--json', '--max-hours', '--no-color', '--out', '--points', '--version'].sort(),
      );
      expect(complete(['plan', 'study.yaml', '--ma'])).toEqual(['--max-hours']);
      expect(complete(['p', '--ma'])).toEqual(['--max-hours']);
      expect(complete(['--no'])).toEqual(['--no-color']);
    });

    it('are the choices of an option, also after "="', () => {
      expect(complete(['export', '--format', 'p'])).toEqual(['parquet']);
      expect(complete(['export', 'runs', '--format', 'c'])).toEqual(['csv']);
      expect(complete(['export', '--format', '']).length).toBe(3);
      const afterEquals = complete(['export', '--format', '=', 'p']);
      expect(afterEquals).toEqual(shell === 'bash' ? ['parquet'] : ['--format=parquet']);
      if (shell === 'bash') expect(complete(['export', '--format', '='])).toHaveLength(3);
    });

    it('are files or folders where a path is meant, and nothing where a number is', () => {
      expect(complete(['plan', 's'])).toEqual(['study.yaml']);
      expect(complete(['plan', 'study.yaml', 's'])).toEqual(['study.yaml']);
      expect(complete(['plan', '--points', 's'])).toEqual(['study.yaml']);
      expect(complete(['export', '']).map((path) => path.replace(/\/$/, ''))).toEqual(['runs']);
      expect(complete(['plan', '-o', 'r']).map((path) => path.replace(/\/$/, ''))).toEqual(['runs']);
      expect(complete(['plan', '--max-hours', ''])).toEqual([]);
      expect(complete(['plan', '--json', 's'])).toEqual(['study.yaml']);
      expect(complete(['plan', '--', 's'])).toEqual(['study.yaml']);
    });

    it('are the choices of a positional argument, counted without options and their values', () => {
      expect(complete(['export', 'runs', '']).sort()).toEqual(['metrics', 'runs']);
      expect(complete(['export', '--format', 'csv', 'runs', 'm'])).toEqual(['metrics']);
      expect(complete(['export', 'runs', 'runs', ''])).toEqual([]);
    });

    it('go down into verbs of verbs, and help', () => {
      expect(complete(['setup', 't'])).toEqual(['tensorflow']);
      expect(complete(['setup', 'tensorflow', '--j'])).toEqual(['--jobs']);
      expect(complete(['help', 'pl'])).toEqual(['plan']);
    });
  });
});

describe('bash', () => {
  it('gives names with a space whole, and takes "--flag=value" as one word too', () => {
    expect(inBash(['plan', 'a'])).toEqual(['a b.yaml']);
    expect(inBash(['export', '--format=p'])).toEqual(['--format=parquet']);
  });
});

describe('syntax', () => {
  it.each(SHELLS.map((shell) => [shell, has(shell)] as const))(
    '%s accepts the script (installed: %s)',
    (shell, isThere) => {
      const text = completionScript(sampleProgram(), shell);
      expect(text).toMatch(new RegExp(`${shell} completion for scaling-lab`));
      if (!isThere) return;
      const path = join(temporaryFolder(), 'script');
      writeFileSync(path, text);
      expect(execFileSync(shell, ['-n', path], { encoding: 'utf8', stdio: 'pipe' })).toBe('');
    },
  );
});

describe('the real program', () => {
  it('has its verbs, options and choices in every script', () => {
    const program = buildProgram(() => {});
    for (const shell of SHELLS) {
      const text = completionScript(program, shell);
      for (const verb of [
        'plan',
        'train',
        'sweep',
        'status',
        'fit',
        'predict',
        'study',
        'report',
        'export',
        'doctor',
      ]) {
        expect(text).toContain(` ${verb} @options'`);
      }
      expect(text).toContain("' export --format'");
      expect(text).toMatch(/'csv[^\n]*parquet[^\n]*tensorboard/);
      expect(text).toMatch(/' fit --law'[\s\S]*broken_power_law[^\n]*critical_batch/);
      for (const option of ['--deltas', '--residuals', '--weights', '--x', '--rows', '--unique-tokens', '--steps'])
        expect(text, option).toContain(option);
    }
  });
});
