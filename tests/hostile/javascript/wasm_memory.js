// Memory of a WebAssembly module.
const x = [];
for (;;) {
  const m = new WebAssembly.Memory({ initial: 256, maximum: 256 });
  new Uint8Array(m.buffer).fill(1);
  x.push(m);
}
