/** @file Whole files or none, and no debris. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LabError } from '../../src/lib/errors.ts';
import { removeTempFiles, writeAtomic, writeFileAtomic, writeJsonAtomic } from '../../src/log/atomic.ts';
import { temporaryFolder } from '../support/run-record.ts';

describe('writeFileAtomic', () => {
  it('makes the folder and replaces what was there', () => {
    const path = join(temporaryFolder(), 'a', 'b', 'run.json');
    writeFileAtomic(path, 'first, and longer');
    writeFileAtomic(path, Uint8Array.of(1, 2, 255));
    expect([...readFileSync(path)]).toEqual([1, 2, 255]);
    expect(readdirSync(join(path, '..'))).toEqual(['run.json']);
  });

  it('writes an empty file, and text beyond ASCII', () => {
    const path = join(temporaryFolder(), 'x');
    writeFileAtomic(path, '');
    expect(readFileSync(path, 'utf8')).toBe('');
    writeJsonAtomic(path, { loss: '∞' });
    expect(readFileSync(path, 'utf8')).toBe('{\n  "loss": "∞"\n}\n');
  });

  it('keeps the old file and leaves no temp file when the producer fails', () => {
    const dir = temporaryFolder();
    const path = join(dir, 'run.json');
    writeFileAtomic(path, 'old');
    const fail = () =>
      writeAtomic(path, (write) => {
        write('x'.repeat(3 << 20));
        throw new Error('producer failed');
      });
    expect(fail).toThrow('producer failed');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(dir)).toEqual(['run.json']);
  });

  it('joins pieces of any size in order', () => {
    const path = join(temporaryFolder(), 'x');
    const pieces = Array.from({ length: 300 }, (_, i) => String(i).repeat(1 + ((i * 7919) % 9000)));
    writeAtomic(path, (write) => pieces.forEach(write));
    expect(readFileSync(path, 'utf8')).toBe(pieces.join(''));
  });

  it('names the path when the system refuses, and leaves nothing', () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'file'), 'in the way');
    mkdirSync(join(dir, 'folder'));
    for (const path of [join(dir, 'file', 'run.json'), join(dir, 'folder')]) {
      const error = catchError(() => writeFileAtomic(path, 'x'));
      expect(error).toBeInstanceOf(LabError);
      expect(error).toMatchObject({ exit: 'storage', message: expect.stringContaining(`cannot write ${path}`) });
    }
    expect(readdirSync(dir).sort()).toEqual(['file', 'folder']);
  });
});

describe('removeTempFiles', () => {
  it('removes what a killed writer left and nothing else', () => {
    const dir = temporaryFolder();
    for (const name of ['.run.json.77.0a1b2c3d.tmp', 'run.json', '.keep', 'notes.tmp'])
      writeFileSync(join(dir, name), '');
    removeTempFiles(dir);
    expect(readdirSync(dir).sort()).toEqual(['.keep', 'notes.tmp', 'run.json']);
    expect(existsSync(join(dir, 'run.json'))).toBe(true);
  });

  it('keeps to the files that it is told of', () => {
    const dir = temporaryFolder();
    const [own, other] = ['.plan.json.77.0a1b2c3d.tmp', '.report.html.78.0a1b2c3d.tmp'];
    for (const name of [own, other]) writeFileSync(join(dir, name), '');
    removeTempFiles(dir, ['plan.json.']);
    expect(readdirSync(dir)).toEqual([other]);
  });
});

function catchError(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
