/** @file The page and the files: nothing outside itself, nothing unescaped, whole files or a clear error. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LabError } from '../../src/lib/errors.ts';
import {
  isoflopValleys,
  type ReportGroup,
  type ReportInput,
  renderReport,
  writeReport,
} from '../../src/report/report.ts';
import { RUNS, record, VALLEYS } from './sample.ts';

const HOSTILE = `<script>alert("x")</script> & 'y'`;

const svg = isoflopValleys({ valleys: VALLEYS });

const group = (name: string, changes: Partial<ReportGroup> = {}): ReportGroup => ({
  name,
  title: `Group ${name}`,
  headlines: [{ label: 'a', value: '0.41 [0.37, 0.46]', detail: 'Kaplan 0.73' }],
  warnings: [`budget 1e10: no interior minimum ${HOSTILE}`],
  figures: [{ id: 'isoflop', title: `Valleys ${HOSTILE}`, caption: HOSTILE, svg }],
  exponents: [{ approach: HOSTILE, counting: 'total', exponent: 'a', value: 0.41, interval: null }],
  laws: [],
  runs: RUNS.map((r) => record(r, { device: HOSTILE })),
  ...changes,
});

const input = (groups: ReportGroup[], changes: Partial<ReportInput> = {}): ReportInput => ({
  name: `sample ${HOSTILE}`,
  description: HOSTILE,
  created_at: '2025-01-01T00:00:00Z',
  command: 'scaling-lab study configs/sample.yaml',
  config_hash: 'c0ffee',
  config: `# ${HOSTILE}`,
  headlines: [],
  warnings: [],
  groups,
  ...changes,
});

function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'report-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe('renderReport', () => {
  const html = renderReport(input([group('one'), group('two')]));

  it('refers to nothing outside itself and runs nothing', () => {
    const withoutNamespace = html.replaceAll('xmlns="http://www.w3.org/2000/svg"', '');
    expect(withoutNamespace).not.toMatch(/https?:|\bsrc=|<script|<link|<iframe|@import|url\(| on\w+=/);
  });

  it('escapes every text', () => {
    expect(html).not.toContain('<script>');
    expect(html.split('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;').length).toBeGreaterThan(10);
  });

  it('closes every element it opens', () => {
    const open: string[] = [];
    const isVoid = /^(meta|br|hr|img|input)$/;
    for (const [, slash, name, selfClosing] of html
      .replace(/<style>.*?<\/style>/s, '')
      .matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/gi)) {
      if (slash) expect(open.pop()).toBe(name);
      else if (!selfClosing && !isVoid.test(name!)) open.push(name!);
    }
    expect(open).toEqual([]);
  });

  it('shows warnings, headlines, numbered figures, every run and how to do it again', () => {
    expect(html.match(/class="warnings"/g)).toHaveLength(2);
    expect(html).toContain('<dd>0.41 [0.37, 0.46]</dd><dd class="detail">Kaplan 0.73</dd>');
    expect(html).toContain('<b>Figure 1. Valleys');
    expect(html).toContain('<b>Figure 2. Valleys');
    for (const run of RUNS) expect(html).toContain(`<td>${record(run).run_id.slice(0, 10)}</td>`);
    for (const fact of [
      'scaling-lab study configs/sample.yaml',
      'c0ffee',
      '0123abcd',
      'node',
      '20.20.2',
      'zipf-lexicon',
    ]) {
      expect(html).toContain(fact);
    }
    expect(html).toContain('24 runs: 24 finished');
  });

  it('has a page for a study without runs', () => {
    const empty = renderReport(
      input([group('one', { runs: [], figures: [], exponents: [], headlines: [], warnings: [] })]),
    );
    expect(empty).toContain('No runs.');
    expect(empty).not.toMatch(/NaN|undefined/);
  });
});

describe('writeReport', () => {
  it('writes the page and both files of each figure, and no other', async () => {
    const dir = join(temporaryFolder(), 'deep', 'er');
    const { html, files } = await writeReport(dir, input([group('one'), group('two')]));
    const names = ['one-isoflop.png', 'one-isoflop.svg', 'report.html', 'two-isoflop.png', 'two-isoflop.svg'];
    expect(readdirSync(dir).sort()).toEqual(names);
    expect(files.map((f) => f.slice(dir.length + 1)).sort()).toEqual(names);
    expect(html).toBe(join(dir, 'report.html'));
    expect(readFileSync(join(dir, 'two-isoflop.svg'), 'utf8')).toBe(svg);
  });

  it('writes the same bytes again', async () => {
    const dir = temporaryFolder();
    const read = (): string[] => readdirSync(dir).map((name) => readFileSync(join(dir, name), 'base64'));
    await writeReport(dir, input([group('one')]));
    const first = read();
    await writeReport(dir, input([group('one')]));
    expect(read()).toEqual(first);
  });

  it('where a file stands in the way it is a storage error that names the path', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const error = await writeReport(join(file, 'report'), input([group('one')])).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(LabError);
    expect((error as LabError).exit).toBe('storage');
    expect((error as LabError).message).toContain(file);
  });

  it('refuses two figures of one name and names that are no file names', async () => {
    const dir = temporaryFolder();
    await expect(writeReport(dir, input([group('one'), group('one')]))).rejects.toThrow('one-isoflop stands twice');
    await expect(writeReport(dir, input([group('../one')]))).rejects.toThrow('invalid figure name: ../one-isoflop');
    expect(readdirSync(dir)).toEqual([]);
  });
});
