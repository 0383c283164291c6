--- How the dashboard looks.
return [=[
:root {
  color-scheme: light dark;
  --ground: #fbfbfa; --card: #fff; --text: #1c2024; --dim: #6b7280; --line: #e4e4e1; --link: #1d5fbf; --track: #ececea;
  --good: #2c7a4b; --good-ground: #e3f3e9; --bad: #b3261e; --bad-ground: #fbe6e4; --warn: #8a5a00; --warn-ground: #fdf0d5;
  --sql: #3b78d8; --task: #8a63d2; --channel: #1f9d8f; --lock: #d08a1d; --template: #4f9a4b; --other: #9aa1aa;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --card: #1b1f23; --text: #e4e6e8; --dim: #98a1ab; --line: #2d3338; --link: #7db2f5; --track: #262b30;
    --good: #7fd0a0; --good-ground: #173524; --bad: #f5a29b; --bad-ground: #45201d; --warn: #eec173; --warn-ground: #3f2f12;
    --sql: #5b93ea; --task: #a98be6; --channel: #3fbcae; --lock: #dca24a; --template: #70b56c; --other: #6d757e;
  }
}
* { box-sizing: border-box; }
body { background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; margin: 0; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
header {
  align-items: center; background: var(--card); border-bottom: 1px solid var(--line); display: flex; gap: 1.2rem;
  padding: .55rem 1.5rem; position: sticky; top: 0; z-index: 1;
}
header .name { color: inherit; font-weight: 650; white-space: nowrap; }
nav { display: flex; flex: 1; gap: .15rem; overflow-x: auto; scrollbar-width: none; }
nav a { border-radius: 6px; color: var(--dim); padding: .2rem .6rem; white-space: nowrap; }
nav a:hover { color: var(--text); text-decoration: none; }
nav a[aria-current] { background: var(--track); color: var(--text); }
#pause {
  background: none; border: 1px solid var(--line); border-radius: 6px; color: inherit; cursor: pointer; font: inherit;
  font-size: .85rem; padding: .1rem .6rem;
}
#pause[aria-pressed=true] { background: var(--warn-ground); color: var(--warn); }
#state { color: var(--dim); font-size: .85rem; min-width: 3.6rem; white-space: nowrap; }
#state::before {
  background: var(--other); border-radius: 50%; content: ""; display: inline-block; height: .5rem; margin-right: .4rem;
  width: .5rem;
}
#state[data-is=live]::before { background: var(--good); }
#state[data-is=waiting]::before { background: var(--bad); }
main { margin: 0 auto; max-width: 76rem; padding: 1.25rem 1.5rem 4rem; }
h1 { font-size: 1.35rem; font-weight: 650; margin: .2rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; font-weight: 600; margin: 1.9rem 0 .6rem; }
h2 a { color: inherit; }
.dim, .none { color: var(--dim); }
.none { background: var(--card); border: 1px dashed var(--line); border-radius: 8px; padding: 1.2rem; }
.back { font-size: .9rem; margin: 0; }
.back::before { color: var(--dim); content: "← "; }
.tiles { display: grid; gap: .7rem; grid-template-columns: repeat(auto-fill, minmax(8.3rem, 1fr)); margin: 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; min-width: 0; padding: .6rem .8rem; }
.tiles dt { color: var(--dim); font-size: .8rem; }
.tiles dd { font-size: 1.2rem; font-variant-numeric: tabular-nums; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
.tiles dd.text { font-size: .9rem; font-weight: 500; line-height: 1.8; }
.tiles .two { grid-column: span 2; }
.tiles small { color: var(--dim); font-size: .8rem; font-weight: 400; }
.tiles .bad dd { color: var(--bad); }
.scrolls { background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th { color: var(--dim); font-size: .78rem; font-weight: 500; text-align: left; white-space: nowrap; }
th, td { border-bottom: 1px solid var(--line); padding: .42rem .8rem; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: color-mix(in srgb, var(--track) 45%, transparent); }
td { white-space: nowrap; }
.number { font-variant-numeric: tabular-nums; text-align: right; }
td.bad { color: var(--bad); font-weight: 600; }
td.path { max-width: 30rem; overflow: hidden; text-overflow: ellipsis; width: 60%; }
td.path a { color: inherit; }
.path b { color: var(--dim); display: inline-block; font-size: .75rem; font-weight: 600; min-width: 2.6rem; }
h1.path { font-family: var(--mono); font-size: 1.1rem; }
tr.live td { background: color-mix(in srgb, var(--good-ground) 55%, transparent); }
.pill, .mark {
  background: var(--track); border-radius: 99px; display: inline-block; font-size: .76rem; font-weight: 600; line-height: 1.5;
  padding: 0 .5rem; white-space: nowrap;
}
.pill.good { background: var(--good-ground); color: var(--good); }
.pill.warn, .mark { background: var(--warn-ground); color: var(--warn); }
.pill.bad, .mark.bad { background: var(--bad-ground); color: var(--bad); }
.bar { display: block; height: 8px; width: 100%; }
td .bar { min-width: 7rem; }
.bar .track { fill: var(--track); }
.bar .whole { fill: color-mix(in srgb, var(--other) 45%, transparent); }
.bar .half, .bar .other { fill: var(--other); }
.bar .sql { fill: var(--sql); }
.bar .task { fill: var(--task); }
.bar .channel { fill: var(--channel); }
.bar .lock { fill: var(--lock); }
.bar .template { fill: var(--template); }
.timeline, .log { list-style: none; margin: 0; padding: 0; }
.timeline li { background: var(--card); border: 1px solid var(--line); border-bottom: 0; padding: .5rem .8rem; }
.timeline li:first-child { border-radius: 8px 8px 0 0; }
.timeline li:last-child { border-bottom: 1px solid var(--line); border-radius: 0 0 8px 8px; }
.timeline li:only-child { border-radius: 8px; }
.timeline .depth-1 { margin-left: 1.1rem; }
.timeline .depth-2 { margin-left: 2.2rem; }
.timeline .depth-3 { margin-left: 3.3rem; }
.line { align-items: baseline; display: flex; flex-wrap: wrap; font-size: .9rem; gap: .2rem .6rem; }
.line .took { font-variant-numeric: tabular-nums; font-weight: 600; margin-left: auto; }
.what { font-weight: 600; }
.what::before {
  background: var(--other); border-radius: 2px; content: ""; display: inline-block; height: .6rem; margin-right: .4rem;
  width: .6rem;
}
.what.sql::before { background: var(--sql); } .what.task::before { background: var(--task); }
.what.channel::before { background: var(--channel); } .what.lock::before { background: var(--lock); }
.what.template::before { background: var(--template); }
.at { color: var(--dim); font-size: .82rem; }
code, pre, .log { font-family: var(--mono); }
.timeline .bar { margin: .35rem 0 .1rem; }
pre {
  background: var(--ground); border-radius: 6px; font-size: .82rem; margin: .35rem 0 0; max-height: 22rem; overflow: auto;
  overflow-wrap: anywhere; padding: .45rem .7rem; white-space: pre-wrap;
}
pre.plan { background: var(--card); border: 1px solid var(--line); overflow-wrap: normal; white-space: pre; }
.facts { font-size: .82rem; margin: .3rem 0 0; }
summary { color: var(--link); cursor: pointer; font-size: .85rem; margin-top: .2rem; }
.waits { background: var(--good-ground); border-radius: 8px; padding: .5rem .8rem; }
.alarm { background: var(--bad-ground); border-radius: 8px; margin: 1rem 0; padding: .7rem 1rem; }
.alarm h2 { color: var(--bad); margin: 0; }
.alarm pre { background: none; padding: .3rem 0; }
.log { background: var(--card); border: 1px solid var(--line); border-radius: 8px; font-size: .8rem; padding: .5rem .8rem; }
.log li { border-bottom: 1px solid var(--line); padding: .25rem 0; overflow-wrap: anywhere; }
.log li:last-child { border-bottom: 0; }
.log time { color: var(--dim); }
.log b { font-weight: 600; }
.log .field { margin-left: .5rem; white-space: pre-wrap; }
.log .field i { color: var(--dim); font-style: normal; }
@media (max-width: 46rem) {
  body { font-size: 14px; }
  header { column-gap: .8rem; flex-wrap: wrap; padding: .5rem 1rem; row-gap: .3rem; }
  header .name { flex: 1; overflow: hidden; text-overflow: ellipsis; }
  nav { flex-basis: 100%; margin: 0 -.6rem; order: 1; }
  main { padding: 1rem 1rem 3rem; }
  .wide { display: none; }
  th, td { padding: .4rem .55rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  td.path { max-width: 12.5rem; }
  table.requests th:first-child, table.requests td:first-child { display: none; }
  .timeline .depth-1 { margin-left: .6rem; }
  .timeline .depth-2 { margin-left: 1.2rem; }
  .timeline .depth-3 { margin-left: 1.8rem; }
}
]=]
