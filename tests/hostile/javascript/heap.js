// Objects for ever.
const x = [];
for (;;) x.push({ a: new Array(100).fill(Math.random()) });
