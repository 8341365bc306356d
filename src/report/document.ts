/** @file The few methods of a browser's `document` that Observable Plot calls while it draws an SVG in Node.
 * A tree of nodes with attributes and text, and a writer that turns it into standalone SVG text. Plot builds
 * its output through d3-selection, which asks for createElementNS, appendChild, insertBefore, attributes,
 * textContent and ownerDocument, and for nothing that needs layout. The writer rounds coordinates to two decimals,
 * so that equal data give equal text on every machine, and leaves out Plot's style sheet and class names,
 * which only matter inside Observable's pages.
 */

export const SVG_NAMESPACE = 'http://www.w3.org/2000/svg';

/** An element, or a text (then `name` is '#text' and only `text` counts). */
export class SvgNode {
  readonly name: string;
  readonly namespaceURI: string = SVG_NAMESPACE;
  readonly ownerDocument: SvgDocument;
  readonly attributes = new Map<string, string>();
  readonly style: Record<string, unknown>;
  children: SvgNode[] = [];
  parentNode: SvgNode | null = null;
  private text = '';

  constructor(ownerDocument: SvgDocument, name: string) {
    this.ownerDocument = ownerDocument;
    this.name = name;
    this.style = {
      setProperty: (key: string, value: string) => {
        this.setAttribute('style', `${this.getAttribute('style') ?? ''}${key}:${value};`);
      },
      removeProperty: () => {},
    };
  }

  get textContent(): string {
    return this.text + this.children.map((c) => c.textContent).join('');
  }
  set textContent(value: unknown) {
    for (const child of this.children) child.parentNode = null;
    this.children = [];
    this.text = value === null || value === undefined ? '' : String(value);
  }

  setAttribute(key: string, value: unknown): void {
    this.attributes.set(key, String(value));
  }
  setAttributeNS(_namespace: string, key: string, value: unknown): void {
    this.setAttribute(key, value);
  }
  getAttribute(key: string): string | null {
    return this.attributes.get(key) ?? null;
  }
  hasAttribute(key: string): boolean {
    return this.attributes.has(key);
  }
  removeAttribute(key: string): void {
    this.attributes.delete(key);
  }

  appendChild(child: SvgNode): SvgNode {
    return this.insertBefore(child, null);
  }
  insertBefore(child: SvgNode, next: SvgNode | null): SvgNode {
    child.parentNode?.removeChild(child);
    const at = next === null ? -1 : this.children.indexOf(next);
    this.children.splice(at < 0 ? this.children.length : at, 0, child);
    child.parentNode = this;
    return child;
  }
  removeChild(child: SvgNode): SvgNode {
    this.children = this.children.filter((c) => c !== child);
    child.parentNode = null;
    return child;
  }
  querySelectorAll(): SvgNode[] {
    return [];
  }
}

/** What Plot takes as its `document` option. */
export interface SvgDocument {
  createElementNS: (namespace: string, name: string) => SvgNode;
  createElement: (name: string) => SvgNode;
  createTextNode: (text: string) => SvgNode;
  documentElement: SvgNode;
}

/** A fresh document; nodes of different documents must not be mixed. */
export function createDocument(): SvgDocument {
  const document = {} as SvgDocument;
  document.createElement = (name) => new SvgNode(document, name);
  document.createElementNS = (_namespace, name) => new SvgNode(document, name);
  document.createTextNode = (text) => {
    const node = new SvgNode(document, '#text');
    node.textContent = text;
    return node;
  };
  document.documentElement = new SvgNode(document, 'svg');
  return document;
}

/** Escapes text for element content and for double-quoted attributes, in SVG and HTML alike; drops what XML forbids. */
export function escapeMarkup(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Attributes whose numbers are coordinates, lengths or opacities. */
const NUMERIC =
  /^(d|transform|points|x|y|x1|x2|y1|y2|dx|dy|cx|cy|r|rx|ry|width|height|font-size|textLength|.*-width|.*opacity)$/;

/** Every number in an attribute's text with at most two decimals, no trailing zeros, no negative zero. */
export function roundNumbers(text: string): string {
  return text.replace(/-?\d*\.?\d+(?:e[-+]?\d+)?/gi, (number) => String(Number(Number(number).toFixed(2)) + 0));
}

/** The node and all below it as SVG text; `<style>` elements and class names are left out. */
export function serialize(node: SvgNode): string {
  if (node.name === '#text') return escapeMarkup(node.textContent);
  if (node.name === 'style') return '';
  let out = `<${node.name}`;
  for (const [key, value] of node.attributes) {
    if (key === 'class') continue;
    out += ` ${key}="${escapeMarkup(NUMERIC.test(key) ? roundNumbers(value) : value)}"`;
  }
  const inner = node.children.length > 0 ? node.children.map(serialize).join('') : escapeMarkup(node.textContent);
  return inner === '' ? `${out}/>` : `${out}>${inner}</${node.name}>`;
}
