/** The style of HTML reports: light and dark, nothing loaded from anywhere. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --bg: #fbfbfa; --card: #ffffff; --ink: #1d1f21; --soft: #62666b; --rule: #e3e4e2;
  --a: #1f6fb2; --b: #c2571a; --c: #7a5ea8; --good: #1c7c43; --bad: #b3261e; --void: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --bg: #16181a; --card: #1e2123; --ink: #e8e9e7; --soft: #9da2a6; --rule: #33373a;
  --a: #6db3ee; --b: #f0975a; --c: #b79ce6; --good: #62c48a; --bad: #ff8a80; --void: #e5b84b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 20px 60px; max-width: 860px; background: var(--bg); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0 0 2px; }
h2 { font-size: 16px; margin: 30px 0 8px; }
p { margin: 6px 0; }
.soft, .tick { color: var(--soft); fill: var(--soft); }
.verdict { font-weight: 600; margin: 12px 0 18px; }
.ok { color: var(--good); } .failed { color: var(--bad); } .void { color: var(--void); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; }
.tile b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
figure { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; margin: 14px 0; padding: 12px 14px 8px; }
figcaption { font-weight: 600; display: flex; flex-wrap: wrap; gap: 4px 18px; margin-bottom: 6px; }
.legend { font-weight: 400; color: var(--soft); display: flex; gap: 14px; }
.legend i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
.legend i.a { background: var(--a); } .legend i.b { background: var(--b); } .legend i.c { background: var(--c); }
svg { display: block; width: 100%; height: auto; }
.grid { stroke: var(--rule); stroke-width: 1; }
.mark { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; }
.tick { font: 11px system-ui, sans-serif; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.line.a { stroke: var(--a); } .line.b { stroke: var(--b); } .line.c { stroke: var(--c); }
.dot.a { fill: var(--a); } .dot.b { fill: var(--b); } .dot.c { fill: var(--c); }
.hover { fill: transparent; } .hover:hover { fill: var(--soft); fill-opacity: 0.12; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { font-weight: 600; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; white-space: pre-wrap;
  word-break: break-word; font-size: 13px; }
`;
