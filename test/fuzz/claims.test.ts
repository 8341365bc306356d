/** @file Claims, switches and forecasts under fuzz: any block that the study's schema allows, and some that it does not,
 * through the loader and, on a small fixed set of runs, to verdicts, tables and predictions. Choices come from the schema
 * itself, so that what is added to it is fuzzed with the rest.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ClaimTerm,
  type CorpusFacts,
  jsonSchema,
  parseConfig,
  type Specification,
} from '../../src/config/config.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';
import type { RunRecord } from '../../src/log/record.ts';
import { type PlannedRun, planStudy } from '../../src/plan/plan.ts';
import { judgeClaims } from '../../src/study/claims/claims.ts';
import { followSwitches, switchLines } from '../../src/study/claims/switches.ts';
import { claimLines } from '../../src/study/claims/table.ts';
import { type RecordsOf, termFitter } from '../../src/study/claims/term.ts';
import { forecastLines, freezeForecasts, isForecast, scoreForecasts } from '../../src/study/forecasts.ts';
import { makeRecord, temporaryFolder } from '../support/run-record.ts';
import { documented, FUZZ_TIMEOUT, fuzz } from './hostile.ts';

/** The study that the blocks are put into: valleys in `budgets`, a rectangle in `grid`, nearly nothing in `few`. */
const BASE = {
  name: 'fuzzed',
  model: { n_layer: 1, n_ctx: 16, d_head: 8 },
  data: { corpus: 'zipf-lexicon', alphabet: 8, val_tokens: 1024 },
  train: { batch_tokens: 128, learning_rate: 0.01, eval_tokens: 256, num_evals: 4 },
  sweeps: [
    {
      name: 'budgets',
      isoflop: { budgets: [4e9, 8e9, 1.6e10], d_model: [8, 16, 24, 32, 48, 64] },
    },
    { name: 'grid', grid: { 'model.d_model': [8, 16, 32, 64], 'train.num_tokens': [20e3, 60e3, 200e3] } },
    { name: 'few', grid: { 'model.d_model': [8, 16], 'train.num_tokens': [20e3] } },
  ],
};

/** Names of groups, of studies beside this one, and of none. */
const NAMES = {
  group: ['budgets', 'budgets', 'budgets', 'grid', 'grid', 'grid', 'few', 'nowhere'],
  study: ['beside', 'beside', 'nowhere', ''],
  critical_batch: ['budgets', 'grid', 'nowhere'],
};
const NUMBERS = [0, 1, -1, 0.03, 0.5, 2, 40e3, 1e10, -0.5, 1e-300, 1e300];
/** What no schema asks for. */
const FOREIGN = [null, true, 'x', -3, 1.5, [], {}, [[]], '2M', '__proto__'];

const FACTS: CorpusFacts = {
  ...{ vocab_size: 8, live_vocab_size: 8, unique_tokens: null, bytes_per_token: null, entropy_nats: 0.4 },
  ...{ corpus_sha256: 'c', tokenizer_sha256: 't', val_tokens: 131_072 },
};
const RESAMPLING = { bootstrap: 4, seed: 0 };

const parse = (blocks: object) =>
  parseConfig([{ name: 'study.yaml', text: JSON.stringify({ ...BASE, ...blocks }) }], []);

const plan = planStudy(parse({}).config, () => FACTS);
const random = rngStream(1, 'fuzz');
const records = plan.runs.map(trained);
const recordsOf: RecordsOf = (study) => (study === undefined || study === 'beside' ? records : null);
// One fitter for all cases: what two of them ask alike is fitted once.
const fitOf = termFitter(recordsOf, RESAMPLING);

/** Fits a term as a verdict asks for it, each fit by itself: a second is for one, and a claim has a dozen. */
function fitEach(term: ClaimTerm, specifications: readonly Specification[] = []): void {
  documented(() => fitOf(term));
  documented(() => fitOf(term, { is_shown_only: true }));
  for (const specification of specifications) documented(() => fitOf(term, { specification }));
}

/** A planned run as if it had been trained on L = .4 + 12/N^.5 + 9/D^.4, 1% noise. */
function trained({ run_id, group, spec, num_params, flops, budget_flops, budget_counting }: PlannedRun): RunRecord {
  const { num_tokens, num_steps, batch_size, model } = spec;
  const noise = Math.exp(0.01 * normal(random));
  const lossAt = (tokens: number) => (0.4 + 12 / num_params.total ** 0.5 + 9 / tokens ** 0.4) * noise;
  const eval_curve = [0.1, 0.2, 0.5, 1].map((share) => {
    const tokens = share * num_tokens;
    return { step: Math.ceil(share * num_steps), tokens, val_loss: lossAt(tokens) };
  });
  return makeRecord({
    ...{ run_id, group, num_params, flops, budget_flops, budget_counting, num_tokens, num_steps, batch_size },
    ...{ model: { ...model }, eval_curve, val_loss: lossAt(num_tokens) },
  });
}

interface JsonSchema {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  minItems?: number;
  minimum?: number;
  exclusiveMinimum?: number;
}

const { properties } = JSON.parse(jsonSchema()) as { properties: Record<string, JsonSchema> };

/** Values of a schema, seldom of another kind; keys are left out, those that are required seldom. */
function valuesOf(schema: JsonSchema, key: string): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 150, arbitrary: allowed(schema, key) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(...FOREIGN) },
  );
}

function allowed(schema: JsonSchema, key: string): fc.Arbitrary<unknown> {
  const { type, enum: values, anyOf, properties: members = {}, required = [], items, minItems = 0 } = schema;
  if (values) return fc.constantFrom(...values);
  if ('const' in schema) return fc.constant(schema.const);
  if (anyOf) return fc.oneof(...anyOf.map((one) => valuesOf(one, key)));
  if (type === 'array') return fc.array(valuesOf(items!, key), { minLength: minItems, maxLength: minItems + 1 });
  if (type === 'boolean') return fc.boolean();
  if (type === 'number' || type === 'integer') return fc.constantFrom(...numbersOf(schema));
  if (type === 'string') return fc.constantFrom(...(key in NAMES ? NAMES[key as keyof typeof NAMES] : ['x', 'y']));
  const entries = Object.entries(members).map(([name, member]) => {
    // Most pairs of options exclude each other.
    const [share, absent] = required.includes(name) ? [150, 1] : [1, 8];
    const value = valuesOf(member, name).map((given) => [[name, given]]);
    return fc.oneof({ weight: share, arbitrary: value }, { weight: absent, arbitrary: fc.constant([]) });
  });
  return fc.tuple(...entries).map((given) => Object.fromEntries(given.flat() as [string, unknown][]));
}

const numbersOf = ({ type, minimum = -Infinity, exclusiveMinimum = -Infinity }: JsonSchema): number[] =>
  NUMBERS.filter((x) => x >= minimum && x > exclusiveMinimum && (type === 'number' || Number.isInteger(x)));

/** A list of one or two entries of a block of the study. */
const blockOf = (name: string) =>
  fc.array(valuesOf(properties[name]!.items!, name), { minLength: 1, maxLength: 2 }).map((list) => ({ [name]: list }));

describe('blocks of a study', () => {
  it(
    'claims are judged, or named with what is wrong',
    () => {
      let num_judged = 0;
      const check = (block: object) => {
        const claims = documented(() => parse(block))?.config.claims ?? [];
        for (const claim of claims) {
          for (const term of claim.ours) fitEach(term, claim.specifications);
          const results = documented(() => judgeClaims([claim], fitOf));
          num_judged += results?.length ?? 0;
          documented(() => claimLines(results ?? [], null));
        }
      };
      const about = { name: 'x', statement: 'x', source: 'x' };
      check({ claims: [{ ...about, kind: 'direction', ours: [{ group: 'budgets' }, { group: 'grid', times: -1 }] }] });
      // What is random seldom gets past the loader.
      expect(num_judged).toBe(1);
      fuzz(5, blockOf('claims'), check);
    },
    FUZZ_TIMEOUT,
  );

  it(
    'switches are followed, or named with what is wrong',
    () => {
      let num_followed = 0;
      const check = (block: object) => {
        const switches = documented(() => parse(block))?.config.switches ?? [];
        for (const { ours } of switches.flatMap(({ steps }) => steps)) fitEach({ ...ours, quantity: 'a', times: 1 });
        const followed = documented(() => followSwitches(switches, fitOf, recordsOf)) ?? [];
        num_followed += followed.length;
        documented(() => switchLines(followed));
      };
      const steps = ['total', 'non_embedding'].map((params) => ({ label: 'x', ours: { group: 'budgets', params } }));
      check({ switches: [{ name: 'x', title: 'x', steps }] });
      expect(num_followed).toBe(1);
      fuzz(1, blockOf('switches'), check);
    },
    FUZZ_TIMEOUT,
  );

  it(
    'forecasts are made and scored, or named with what is wrong',
    () => {
      const dir = temporaryFolder();
      const kept = join(dir, 'kept');
      for (const record of records) {
        mkdirSync(join(kept, record.run_id), { recursive: true });
        writeFileSync(join(kept, record.run_id, 'run.json'), JSON.stringify(record));
      }
      let num_made = 0;
      const check = (block: object) => {
        const forecasts = documented(() => parse(block))?.config.forecasts ?? [];
        if (forecasts.length === 0) return;
        const study = join(dir, 'study');
        rmSync(study, { recursive: true, force: true });
        cpSync(kept, study, { recursive: true });
        documented(() => plan.runs.filter((run) => isForecast(run, forecasts)));
        documented(() => freezeForecasts(study, forecasts, plan.runs, RESAMPLING));
        const scored = documented(() => scoreForecasts(study, records)) ?? null;
        num_made += scored === null ? 0 : 1;
        documented(() => forecastLines(scored));
      };
      check({ forecasts: [{ group: 'budgets', beyond: 40e9 }] });
      expect(num_made).toBe(1);
      fuzz(1, blockOf('forecasts'), check);
    },
    FUZZ_TIMEOUT,
  );
});
