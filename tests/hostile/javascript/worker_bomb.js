// Worker threads for ever.
const { Worker } = require('worker_threads');
let n = 0;
function go() {
  try { new Worker('for(;;);', { eval: true }).on('error', () => {}); } catch (e) {}
  if (n++ < 1000) setImmediate(go);
}
go();
