/** @file The report page's style sheet: one readable column, wide tables that scroll, figures on white cards.
 * Plain CSS inside the page, so that report.html needs no other file. Light or dark follows the reader's system; figures
 * stay on white, as they were checked there. Printing breaks between figures, not through them.
 */

export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1f2328; --soft: #57606a; --ground: #ffffff; --card: #f6f8fa; --line: #d8dee4; --link: #0969da;
  --warn-ground: #fff8e1; --warn-line: #d29922; --bad: #b42318;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --soft: #9da7b1; --ground: #0f1419; --card: #171d24; --line: #30363d; --link: #6cb0ff;
    --warn-ground: #2b2411; --warn-line: #bb8009; --bad: #ff8f85;
  }
}
* { box-sizing: border-box; }
html { font-size: 17px; -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; padding: 2.5rem 1.25rem 5rem; background: var(--ground); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, 'Segoe UI', Roboto, Arimo, Arial, sans-serif;
}
main, header, nav, footer { max-width: 46rem; margin-inline: auto; }
h1 { font-size: 2rem; line-height: 1.15; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 3.5rem 0 .5rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2.25rem 0 .5rem; }
p { margin: .5rem 0 1rem; }
p.lines { white-space: pre-line; }
a { color: var(--link); }
.meta { color: var(--soft); font-size: .85rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .9rem; }
dl.headlines { display: grid; grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
dl.headlines > div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; }
dl.headlines dt { color: var(--soft); font-size: .8rem; }
dl.headlines dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
dl.headlines dd.detail { font-size: .8rem; color: var(--soft); }
.warnings { background: var(--warn-ground); border: 1px solid var(--warn-line); border-left-width: 5px; border-radius: 6px;
  padding: .75rem 1rem; margin: 1.25rem 0; font-size: .92rem; }
.warnings strong { display: block; }
.warnings ul { margin: .35rem 0 0; padding-left: 1.2rem; }
figure { margin: 2rem 0; break-inside: avoid; }
figure .card { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: .75rem; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { margin-top: .6rem; font-size: .88rem; color: var(--soft); }
figcaption b { color: var(--ink); }
.scroll { overflow-x: auto; margin: 1rem 0 1.5rem; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: .8rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .5rem .7rem; color: var(--soft); }
th, td { padding: .32rem .7rem; text-align: left; white-space: nowrap; vertical-align: top; }
th.num, td.num { text-align: right; }
thead th { border-bottom: 1px solid var(--line); font-weight: 600; }
tbody tr + tr > * { border-top: 1px solid color-mix(in srgb, var(--line) 55%, transparent); }
td:last-child { white-space: normal; min-width: 6rem; }
tr.marked td { color: var(--bad); }
.wide { width: min(76rem, 100vw - 2.5rem); margin-left: 50%; transform: translateX(-50%); }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto;
  font-size: .8rem; line-height: 1.45; }
code, pre { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace; }
details summary { cursor: pointer; color: var(--link); font-size: .9rem; }
table.facts th { font-weight: 400; color: var(--soft); white-space: nowrap; }
table.facts td { white-space: normal; overflow-wrap: anywhere; }
@media (max-width: 40rem) { html { font-size: 16px; } body { padding: 1.5rem 1rem 3rem; } h1 { font-size: 1.6rem; } }
@media print {
  tr { break-inside: avoid; }
  body { padding: 0; font-size: 10pt; } .wide { width: 100%; margin: 0; transform: none; } .scroll { border: 0; }
  table { font-size: 6.5pt; } th, td { padding: .1rem .25rem; } h2, h3 { break-after: avoid; } figure { margin: 1rem 0; }
  figure svg { max-height: 3.9in; } .wide table { font-size: 4.6pt; } .wide th, .wide td { padding: .05rem .15rem; }
}
`;
