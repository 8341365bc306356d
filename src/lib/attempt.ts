/** @file Work that too little data may refuse, where a refusal is an answer and not the end: it becomes a reason beside
 * null. Every other error is thrown on.
 */
import { LabError } from './errors.ts';

/** What came of it; `refused` is the message of the error, which opens with the diagnostic's name where there is one. */
export type Attempt<T> = { value: T; refused: null } | { value: null; refused: string };

/** Runs `work`; null with the reason where it throws LabError('too_little_data'). */
export function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { value: work(), refused: null };
  } catch (error) {
    if (error instanceof LabError && error.exit === 'too_little_data') return { value: null, refused: error.message };
    throw error;
  }
}

/** A refusal as a sentence for people, without the diagnostic's name. */
export const sentenceOf = (refused: string): string => refused.replace(/^\w+: /, '');
