/** @file Folders with their parents, and places where none can be made. */
import { existsSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../src/lib/make-folder.ts';
import { writeFileAtomic } from '../../src/log/log.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'make-folder-'));
const caught = (dir: string): unknown => {
  try {
    makeFolder(dir);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
};

describe('makeFolder', () => {
  it('makes what is missing, and nothing the second time', () => {
    const deep = path.join(folder, 'a', 'b', 'c');
    expect([caught(deep), caught(deep)]).toEqual([null, null]);
    expect(existsSync(deep)).toBe(true);
    const relative = path.relative(process.cwd(), path.join(folder, 'd', 'e'));
    expect(caught(relative)).toBeNull();
  });

  it('says why where a file or a broken link is in the way', () => {
    writeFileSync(path.join(folder, 'file'), '');
    symlinkSync(path.join(folder, 'nowhere'), path.join(folder, 'link'));
    expect(['file', 'file/a/b', 'link', 'link/a'].map((name) => caught(path.join(folder, name)))).toEqual([
      'EEXIST',
      'ENOTDIR',
      'EEXIST',
      'EEXIST',
    ]);
  });

  it.skipIf(process.platform !== 'linux')('comes back where the system makes no folders', () => {
    expect(caught('/proc/scaling-lab/a')).toBe('ENOENT');
    expect(() => writeFileAtomic('/proc/scaling-lab/a.json', '{}')).toThrow('cannot write /proc/scaling-lab/a.json');
  });
});
