/** @file `--print-config`: the resolved study as YAML, each value followed by a comment that says where it comes from
 * (`file:line:col`, a `--set`, or `default`). The text is itself a config that gives the same study.
 */
import type { Node } from 'yaml';
import { lateModule } from '../lib/late-module.ts';
import type { LoadedConfig } from './load.ts';
import { formatOrigin } from './problems.ts';
import { type Tree, treeAt } from './yaml-tree.ts';

const yaml = lateModule<typeof import('yaml')>('yaml');

/** The study as YAML with origins. */
export function printConfig({ config, tree }: LoadedConfig): string {
  const doc = new yaml.Document(config, { aliasDuplicateObjects: false });
  annotate(doc.contents as Node, [], tree);
  return doc.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function annotate(node: Node, path: (string | number)[], tree: Tree): void {
  if (yaml.isCollection(node) && !isLine(node)) {
    node.items.forEach((item, i) => {
      const pair = item as { key?: { value: unknown }; value?: Node };
      const isPair = pair.key !== undefined;
      const key = isPair ? String(pair.key?.value) : i;
      annotate(isPair ? (pair.value as Node) : (item as Node), [...path, key], tree);
    });
    return;
  }
  if (yaml.isCollection(node)) node.flow = true;
  const written = treeAt(tree, path);
  node.comment = ` ${written === undefined ? 'default' : formatOrigin(written.at)}`;
}

/** Whether a collection goes on one line: an empty one, or a list of scalars. */
function isLine(node: Node): boolean {
  if (!yaml.isCollection(node)) return false;
  return node.items.every((item) => yaml.isScalar(item));
}
