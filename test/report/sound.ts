/** @file What every SVG of ours must be, whatever went in: for the figures' tests. */
import { expect } from 'vitest';

/** No number that is none, a sheet of the common width with a description, nothing that refers outside. */
export function expectSound(svg: string): void {
  expect(svg.match(/.{60}(NaN|undefined|Infinity|null).{20}/)?.[0]).toBeUndefined();
  const root = svg.slice(0, svg.indexOf('>'));
  expect(root).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="640" height="\d+" viewBox="0 0 640 \d+"/);
  expect(root).toContain('role="img" aria-label="');
  expect(svg.match(/<style|class=|url\(|href|⚠/)?.[0]).toBeUndefined();
}

/** All circles, paths and words begin within the sheet. */
export function expectInside(svg: string): void {
  const height = Number(svg.match(/height="(\d+)"/)![1]);
  const numbers = (pattern: RegExp): number[] => [...svg.matchAll(pattern)].map((m) => Number(m[1]));
  expect(Math.max(...numbers(/ (?:x|cx)="(-?[\d.]+)"/g))).toBeLessThanOrEqual(640);
  expect(Math.max(...numbers(/ (?:y|cy)="(-?[\d.]+)"/g))).toBeLessThanOrEqual(height);
  expect(Math.max(...numbers(/[MLHV,](-?[\d.]+)/g))).toBeLessThanOrEqual(640);
}
