/** @file The study files of `configs/`, their printed form, and the JSON Schema that editors read. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { jsonSchema, loadConfig, parseConfig, printConfig } from '../../src/config/config.ts';

const files = readdirSync('configs')
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => `configs/${name}`);

describe.each(files)('%s', (file) => {
  it('is valid, names its schema first and says question, cost, command and what would change our mind', () => {
    const text = readFileSync(file, 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./schema.json');
    for (const word of ['# Question:', '# Cost:', '# Command:', '# Mind:']) expect(text).toContain(word);
    expect(loadConfig([file]).config.name).toBe(file.replace('configs/', '').replace('.yaml', ''));
  });

  it('prints as a config that gives the same study', () => {
    const loaded = loadConfig([file]);
    const printed = printConfig(loaded);
    expect(parseConfig([{ name: 'printed.yaml', text: printed }]).config).toEqual(loaded.config);
  });
});

describe('print-config', () => {
  it('gives the origin of every value', () => {
    const a = 'name: x\ndata: {corpus: sotu}\nmodel:\n  d_model: 8\nsweeps: [{name: s, seeds: [0, 1]}]\n';
    const b = 'model: {n_layer: 1}\n';
    const text = printConfig(
      parseConfig(
        [
          { name: 'a.yaml', text: a },
          { name: 'b.yaml', text: b },
        ],
        ['train.num_tokens=2M'],
      ),
    );
    const lines = text.split('\n').map((line) => line.trim());
    expect(lines).toContain('d_model: 8 # a.yaml:4:12');
    expect(lines).toContain('n_layer: 1 # b.yaml:1:18');
    expect(lines).toContain('num_tokens: 2000000 # --set train.num_tokens=2M');
    expect(lines).toContain('n_ctx: 64 # default');
    expect(lines).toContain('seeds: [0, 1] # a.yaml:5:27');
    const values = lines.filter((line) => line !== '' && !/^(- )?[\w.]+:$/.test(line));
    for (const line of values) expect(line).toMatch(/ # (default|--set .+|[ab]\.yaml:\d+:\d+)$/);
  });
});

describe('the JSON Schema', () => {
  it('is the committed one: scaling-lab schema > configs/schema.json brings it up to date', () => {
    expect(readFileSync('configs/schema.json', 'utf8')).toBe(jsonSchema());
  });

  it('is draft-07, strict, and describes what a user writes', () => {
    const schema = JSON.parse(jsonSchema());
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
    expect(schema.additionalProperties).toBe(false);
    expect(schema.required).toEqual(['name', 'data', 'sweeps']);
    const sweep = schema.properties.sweeps.items.properties;
    expect(Object.keys(sweep.grid.properties)).toContain('train.learning_rate');
    expect(sweep.set.properties['model.n_layer'].default).toBeUndefined();
  });

  it('describes every key', () => {
    const silent: string[] = [];
    const visit = (node: { properties?: object; description?: string }, path: string): void => {
      for (const [key, child] of Object.entries(node.properties ?? {})) {
        if (child.description === undefined && child.type !== 'object') silent.push(`${path}${key}`);
        visit(child, `${path}${key}.`);
      }
    };
    visit(JSON.parse(jsonSchema()), '');
    expect(silent).toEqual([]);
  });
});
