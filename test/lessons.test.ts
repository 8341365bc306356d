/** @file The lessons in docs/lessons: each has one command on a study that can be planned at the cost it states, one
 * figure and three questions, and the index links them all. What lesson 5 quotes is what its command prints; the others
 * train for minutes, so their quoted results are not made again here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/config.ts';
import { type Plan, planStudy } from '../src/plan/plan.ts';
import { factsOf } from './plan/facts.ts';
import { lab } from './support/lab.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FOLDER = `${ROOT}docs/lessons/`;
const lessons = readdirSync(FOLDER).filter((name) => /^\d-.*\.md$/.test(name));
const read = (name: string): string => readFileSync(FOLDER + name, 'utf8');

/** The single match of `pattern` in `text`: its first group. */
function only(text: string, pattern: RegExp): string {
  const found = [...text.matchAll(pattern)].map(([, group]) => group!);
  expect(found, `${pattern}`).toHaveLength(1);
  return found[0]!;
}

const commandOf = (text: string): string => only(text, /^```sh\n([^\n]*)\n```$/gm);

it('are five, linked in their order from the index, and the index from README.md', () => {
  expect(lessons.map((name) => name[0])).toEqual(['1', '2', '3', '4', '5']);
  const links = [...read('README.md').matchAll(/\]\((\d-[^)]+)\)/g)].map(([, link]) => link);
  expect(links).toEqual(lessons);
  expect(readFileSync(`${ROOT}README.md`, 'utf8')).toContain('](docs/lessons/README.md)');
});

describe.each(lessons)('%s', (lesson) => {
  const text = read(lesson);

  it('has one command, one small figure beside it, and three questions with folded answers', () => {
    for (const part of commandOf(text).split(' && ')) expect(part).toMatch(/^npx scaling-lab (study|fit) /);
    const figure = only(text, /!\[[^\]]+\]\(([^)]+)\)/g);
    expect(figure).toBe(lesson.replace('.md', '.png'));
    const png = readFileSync(FOLDER + figure);
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.length).toBeLessThan(150_000);
    const [, questions] = text.split('\n## Questions\n');
    expect([...questions!.matchAll(/^(\d)\. /gm)].map(([, number]) => number)).toEqual(['1', '2', '3']);
    expect(questions!.match(/<details><summary>Answer<\/summary>\n\n {3}\S[\s\S]*?\n\n {3}<\/details>/g)).toHaveLength(
      3,
    );
  });
});

describe.each(lessons.filter((name) => commandOf(read(name)).includes(' study ')))('the study of %s', (lesson) => {
  const text = read(lesson);
  const file = only(commandOf(text), /\bstudy (\S+)/g);
  const { config } = loadConfig([ROOT + file]);
  const header = readFileSync(ROOT + file, 'utf8');
  const plan: Plan = planStudy(config, factsOf);

  it('says question, cost, command and what would change our mind, and is named after its file', () => {
    expect(header.split('\n')[0]).toBe('# yaml-language-server: $schema=../schema.json');
    for (const word of ['# Question:', '# Cost:', '# Mind:']) expect(header).toContain(word);
    expect(header).toContain(`# Command:  scaling-lab study ${file}\n`);
    expect(header).toContain(`docs/lessons/${lesson}`);
    expect(config.name).toBe(file.replace('configs/lessons/', 'lesson-').replace('.yaml', ''));
    // Where the command writes is where its second half and the text look.
    const folders = [...text.matchAll(/\bruns\/(lesson-[a-z-]+)/g)].map(([, name]) => name);
    expect(new Set(folders)).toEqual(new Set([config.name]));
  });

  it('can be planned, at the cost that header and lesson state, small enough for two minutes', () => {
    const { num_runs, flops } = plan.totals;
    expect(header).toContain(`# Cost:     ${num_runs} runs, `);
    for (const said of [header, text]) {
      const stated = Number(only(said, /\b(\d\.\d+e\d+) FLOPs[;,]/g));
      expect(Math.abs(stated / flops.six_n_total - 1)).toBeLessThan(0.01);
    }
    expect(flops.six_n_total).toBeLessThan(1.2e12);
  });

  it('has the figure it names among those of its groups', () => {
    const figure = only(text, /figure is `([a-z-]+)\.png`/g);
    expect(config.sweeps.some(({ name }) => figure.startsWith(`${name}-`))).toBe(true);
  });
});

it('5-two-papers.md quotes the exponents that its command prints', { timeout: 60_000 }, async () => {
  const text = read('5-two-papers.md');
  const [, , ...words] = commandOf(text).split(' ');
  const args = words.map((word) => (word.startsWith('runs/') ? ROOT + word : word));
  const { code, out, err } = await lab(...args, '--bootstrap', '0', '--no-checks', '--no-color');
  expect(code, err).toBe(0);
  /** Counting, approach, a and b, without intervals. */
  const rows = (print: string) =>
    [...print.matchAll(/^ {2}(\w+) +(Approach \d) +(0\.\d+)(?: \[.*?\])? +(0\.\d+)/gm)].map((match) => match.slice(1));
  const quoted = rows(text);
  expect(quoted).toHaveLength(5);
  expect(rows(out)).toEqual(expect.arrayContaining(quoted));
  expect(text).toContain(`${only(out, /^s50: (\d+) of \d+ runs finished/gm)} runs of the made-up language`);
});
