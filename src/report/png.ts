/** @file SVG text to PNG bytes by resvg, with the fonts that ship with this project and no others.
 * Arimo (SIL Open Font License, from the npm package @expo-google-fonts/arimo) comes as files, and resvg is told not
 * to look at the system's fonts, so that the same SVG gives the same pixels on every machine.
 */
import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';
import { COLOR } from './theme.ts';

/** Pixels of the PNG for one CSS pixel of the SVG: 3 is 288 dots an inch, what journals ask for. */
const SCALE = 3;

const resolve = createRequire(import.meta.url).resolve;
const FONT_FILES = [
  '400Regular/Arimo_400Regular',
  '400Regular_Italic/Arimo_400Regular_Italic',
  '700Bold/Arimo_700Bold',
].map((name) => resolve(`@expo-google-fonts/arimo/${name}.ttf`));

/** The PNG of an SVG, `scale` times its size in pixels. Throws where the text is no valid SVG. */
export function renderPng(svg: string, scale: number = SCALE): Uint8Array {
  const resvg = new Resvg(svg, {
    background: COLOR.background,
    fitTo: { mode: 'zoom', value: scale },
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, defaultFontFamily: 'Arimo', sansSerifFamily: 'Arimo' },
  });
  return resvg.render().asPng();
}
