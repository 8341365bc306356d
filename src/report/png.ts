/** @file SVG text to PNG bytes: drawn by resvg, with the fonts that ship with this project and no others.
 * Arimo (SIL Open Font License, from the npm package @expo-google-fonts/arimo) comes as files, and resvg is told not
 * to look at the system's fonts, so that the same SVG gives the same pixels on every machine. The PNG is written here
 * (RFC 2083: one IDAT chunk, rows unfiltered) and not by resvg: its own writer takes twice as long and has to be waited
 * for, whereas drawing and packing both run beside each other off the main thread.
 */
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import { COLOR } from './theme.ts';

/** Pixels of the PNG for one CSS pixel of the SVG: 3 is 288 dots an inch, what journals ask for. */
const SCALE = 3;
/** Effort of the packing, of 9: more saves a few percent. */
const LEVEL = 4;

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const resolve = createRequire(import.meta.url).resolve;
const FONT_FILES = [
  '400Regular/Arimo_400Regular',
  '400Regular_Italic/Arimo_400Regular_Italic',
  '700Bold/Arimo_700Bold',
].map((name) => resolve(`@expo-google-fonts/arimo/${name}.ttf`));

/** The PNG of an SVG, `scale` times its size in pixels. Rejects where the text is no valid SVG. */
export async function renderPng(svg: string, scale: number = SCALE): Promise<Uint8Array> {
  const { renderAsync } = await import('@resvg/resvg-js');
  const image = await renderAsync(svg, {
    background: COLOR.background,
    fitTo: { mode: 'zoom', value: scale },
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, defaultFontFamily: 'Arimo', sansSerifFamily: 'Arimo' },
  });
  const { width, height, pixels } = image;
  const row = 4 * width;
  // Before each row stands its filter: 0, none, best for flat colours.
  const rows = Buffer.alloc((row + 1) * height);
  for (let y = 0; y < height; y++) pixels.copy(rows, y * (row + 1) + 1, y * row, (y + 1) * row);
  const packed = await promisify(deflate)(rows, { level: LEVEL });
  return Buffer.concat([SIGNATURE, chunk('IHDR', header(width, height)), chunk('IDAT', packed), chunk('IEND')]);
}

/** Size, 8 bits a channel, red green blue and alpha, no interlacing. */
function header(width: number, height: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([8, 6, 0, 0, 0], 8);
  return data;
}

/** Length, type, data, and the checksum of the latter two. */
function chunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}
