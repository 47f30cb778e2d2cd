// Shortest paths from node 0: reads `n m` and m edges `a b cost`; prints n distances.
const numbers = require('fs').readFileSync(0, 'utf8').split(/\s+/).filter(Boolean).map(Number);
let next = 0;
const n = numbers[next++];
const m = numbers[next++];
const edges = Array.from({ length: n }, () => []);
for (let i = 0; i < m; i++) {
  const [a, b, cost] = numbers.slice(next, (next += 3));
  edges[a].push([b, cost]);
  edges[b].push([a, cost]);
}
const best = new Array(n).fill(Infinity);
const done = new Array(n).fill(false);
best[0] = 0;
for (;;) {
  let at = -1;
  for (let i = 0; i < n; i++) if (!done[i] && best[i] < (at < 0 ? Infinity : best[at])) at = i;
  if (at < 0) break;
  done[at] = true;
  for (const [to, cost] of edges[at]) best[to] = Math.min(best[to], best[at] + cost);
}
console.log(best.map((d) => (d === Infinity ? '-' : d)).join(' '));
