/** @file `--print-config`: the resolved study as YAML, each value followed by a comment that says where it comes from
 * (`file:line:col`, a `--set`, or `default`). The text is itself a config that gives the same study.
 */
import { Document, isCollection, isScalar, type Node } from 'yaml';
import type { LoadedConfig } from './load.ts';
import { formatOrigin } from './problems.ts';
import { type Tree, treeAt } from './yaml-tree.ts';

/** The study as YAML with origins. */
export function printConfig({ config, tree }: LoadedConfig): string {
  const doc = new Document(config, { aliasDuplicateObjects: false });
  annotate(doc.contents as Node, [], tree);
  return doc.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function annotate(node: Node, path: (string | number)[], tree: Tree): void {
  if (isCollection(node) && !isLine(node)) {
    node.items.forEach((item, i) => {
      const pair = item as { key?: { value: unknown }; value?: Node };
      const isPair = pair.key !== undefined;
      const key = isPair ? String(pair.key?.value) : i;
      annotate(isPair ? (pair.value as Node) : (item as Node), [...path, key], tree);
    });
    return;
  }
  if (isCollection(node)) node.flow = true;
  const written = treeAt(tree, path);
  node.comment = ` ${written === undefined ? 'default' : formatOrigin(written.at)}`;
}

/** Whether a collection goes on one line: an empty one, or a list of scalars. */
function isLine(node: Node): boolean {
  if (!isCollection(node)) return false;
  return node.items.every((item) => isScalar(item));
}
