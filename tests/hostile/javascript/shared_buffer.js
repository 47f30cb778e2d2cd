// Shared memory between threads.
const x = [];
for (;;) {
  const b = new SharedArrayBuffer(8 << 20);
  new Uint8Array(b).fill(1);
  x.push(b);
}
