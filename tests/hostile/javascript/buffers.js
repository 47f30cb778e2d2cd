// Memory outside the language's heap.
const x = [];
for (;;) x.push(Buffer.alloc(1 << 20, 1));
