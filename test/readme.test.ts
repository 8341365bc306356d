/** @file The generated parts of README.md are those that the code and the committed study give today. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

it('README.md is current', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/readme.mjs', '--check'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
});

it('README.md shows only files that are there', () => {
  const text = readFileSync(`${ROOT}/README.md`, 'utf8');
  const paths = [...text.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map((match) => match[1]!);
  expect(paths.length).toBeGreaterThan(0);
  for (const path of paths) expect(existsSync(`${ROOT}/${path}`), path).toBe(true);
});
