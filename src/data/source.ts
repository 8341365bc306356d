/** @file Text before it becomes tokens: training and validation as UTF-8 bytes, and what they came from.
 * Documents are joined by a blank line in their order, after whole documents were held out.
 */
import { createHash } from 'node:crypto';

/** Between two documents of a split: a blank line, which the model learns as text. */
const SEPARATOR = Buffer.from('\n\n');

/** The text of a corpus, split. */
export interface SourceText {
  /** For people and records; never a path. */
  name: string;
  train: Uint8Array;
  val: Uint8Array;
  num_train_documents: number;
  num_val_documents: number;
  warnings: string[];
}

/** Joins documents and holds out those for which `isHeldOut(index)`. */
export function splitDocuments(documents: readonly Uint8Array[], isHeldOut: (index: number) => boolean) {
  const join = (kept: readonly Uint8Array[]) =>
    Buffer.concat(kept.flatMap((document, i) => (i === 0 ? [document] : [SEPARATOR, document])));
  const train = documents.filter((_, i) => !isHeldOut(i));
  const val = documents.filter((_, i) => isHeldOut(i));
  return { train: join(train), val: join(val), num_train_documents: train.length, num_val_documents: val.length };
}

/** SHA-256 of bytes in hexadecimal. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Identity of a split text: SHA-256 of the JSON `{"train":"<SHA-256>","val":"<SHA-256>"}` of its two byte strings. */
export function sourceSha256({ train, val }: SourceText): string {
  return sha256(JSON.stringify({ train: sha256(train), val: sha256(val) }));
}
