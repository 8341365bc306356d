/** @file Study files and --set under fuzz: a study, or problems with their place; no code is run, no prototype reached, no
 * alias bomb opened, and no path but the one that was written.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CorpusFacts, parseConfig, printConfig } from '../../src/config/config.ts';
import { LabError } from '../../src/lib/errors.ts';
import { planStudy } from '../../src/plan/plan.ts';
import { bentText, documented, expectClean, FUZZ_TIMEOUT, fuzz } from './hostile.ts';

const CONFIGS = fileURLToPath(new URL('../../configs/', import.meta.url));
const STUDIES = readdirSync(CONFIGS)
  .filter((name) => name.endsWith('.yaml'))
  // Without their comments, so that bends meet keys and values.
  .map((name) => readFileSync(`${CONFIGS}${name}`, 'utf8').replace(/^\s*#.*\n/gm, ''));

const FACTS: CorpusFacts = {
  ...{ vocab_size: 64, live_vocab_size: 64, unique_tokens: null, bytes_per_token: null, entropy_nats: 0.4 },
  ...{ corpus_sha256: 'c', tokenizer_sha256: 't', val_tokens: 131_072 },
};

const parse = (text: string, sets: string[] = []) => parseConfig([{ name: 'study.yaml', text }], sets);

describe('study files', () => {
  it(
    'give a study or problems, and a study gives a plan or problems',
    () => {
      let num_parsed = 0;
      fuzz(15, bentText(...STUDIES), (text) => {
        const loaded = documented(() => parse(text));
        if (loaded === undefined) return;
        num_parsed++;
        documented(() => planStudy(loaded.config, () => FACTS));
        documented(() => parse(printConfig(loaded)));
      });
      // Else the bends would be too strong to reach what lies behind the parser.
      expect(num_parsed).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );

  it(
    'take --set, or say what is wrong with it',
    () => {
      const base = 'name: a\ndata: { corpus: zipf-lexicon }\nsweeps: [{ name: b }]\n';
      const path = fc.oneof(
        fc.constantFrom(
          'train.num_tokens',
          'sweeps.0.grid.model.d_model',
          'sweeps.0.name',
          'data',
          'train.warmup.steps',
        ),
        fc.constantFrom(
          '__proto__.polluted',
          'constructor.prototype.polluted',
          'sweeps.__proto__',
          'model.__proto__.x',
        ),
        fc.constantFrom('sweeps.99999999999', 'sweeps.-1', 'sweeps.1e3.x', '.', 'a..b'),
        fc.string({ maxLength: 30 }),
      );
      const assignment = fc.tuple(path, bentText('2M', '[0, 1]', '{ steps: 10 }', '{ __proto__: { polluted: 1 } }'));
      fuzz(8, assignment, ([where, value]) => {
        documented(() => parse(base, [`${where}=${value}`]));
      });
    },
    FUZZ_TIMEOUT,
  );
});

describe('known attacks', () => {
  const refused = (text: string) => {
    const start = process.cpuUsage();
    expect(() => parse(text)).toThrow(LabError);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(1000);
    expectClean();
  };

  it('aliases that multiply are refused', () => {
    const levels = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${Array(9).fill(i ? `*a${i - 1}` : 'x')}]`);
    refused(levels.join('\n'));
    refused(`name: &n [*n, *n]\n`);
    refused(`a: &a { b: &b [*a, *b] }\n`);
    refused(
      `${Array.from({ length: 40 }, (_, i) => `k${i}: &k${i} { x: ${i ? `*k${i - 1}` : 1}, y: ${i ? `*k${i - 1}` : 1} }`).join('\n')}\n`,
    );
  });

  it('nesting, megabyte scalars and keys are refused', () => {
    refused('['.repeat(50_000));
    refused('- '.repeat(50_000));
    refused('{a: '.repeat(20_000));
    refused(`name: "${'a'.repeat(1e6)}`);
    refused(`${'a'.repeat(1e6)}: 1\n`);
    refused(`${' '.repeat(1e6)}x: 1`);
    refused(`? ${'&a '.repeat(1e5)}`);
    refused(`${'#'.repeat(1e6)}\n`);
    refused(`${Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n')}\n`);
  });

  it('keys of a prototype are unknown keys', () => {
    for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']) {
      refused(`name: a\ndata: { corpus: zipf-lexicon, ${key}: { polluted: 1 } }\nsweeps: [{ name: b }]\n`);
      refused(`name: a\ndata: { corpus: zipf-lexicon }\nsweeps: [{ name: b, set: { ${key}: { polluted: 1 } } }]\n`);
      refused(`name: a\ndata: { corpus: ${key} }\nsweeps: [{ name: b }]\n`);
      refused(`name: a\ntrain: { learning_rate: ${key} }\ndata: { corpus: zipf-lexicon }\nsweeps: [{ name: b }]\n`);
    }
    refused('name: a\n<<: { polluted: 1 }\ndata: { corpus: zipf-lexicon }\nsweeps: [{ name: b }]\n');
  });

  it('names are folder names: no study or block leaves its folder', () => {
    for (const name of ['..', '../x', '/x', 'a/b', 'a\\b', '.', '~', 'a\0b', '-x', 'con:', '%2e%2e']) {
      refused(`name: ${JSON.stringify(name)}\ndata: { corpus: zipf-lexicon }\nsweeps: [{ name: b }]\n`);
      refused(`name: a\ndata: { corpus: zipf-lexicon }\nsweeps: [{ name: ${JSON.stringify(name)} }]\n`);
    }
  });

  it('a grid of more cells than a machine can count is refused before it is made', () => {
    const values = `[${Array.from({ length: 100 }, (_, i) => i + 1)}]`;
    const keys = [
      'model.n_layer',
      'model.n_ctx',
      'model.d_head',
      'train.num_evals',
      'train.init_seed',
      'train.data_seed',
    ];
    const grid = keys.map((key) => `      ${key}: ${key === 'model.n_layer' ? '[1, 2]' : values}`).join('\n');
    refused(`name: a\ndata: { corpus: zipf-lexicon }\nsweeps:\n  - name: b\n    grid:\n${grid}\n`);
  });
});
