/** @file Observable Plot's functions under their own names, loaded when the first figure is drawn. */
import { lateModule } from '../lib/late-module.ts';

export const Plot = lateModule<typeof import('@observablehq/plot')>('@observablehq/plot');
