// Connects to the machine and the world.
const net = require('net');
let left = 2;
for (const host of ['127.0.0.1', '1.1.1.1']) {
  const s = net.connect(+process.argv[2], host);
  s.setTimeout(1500, () => s.destroy(new Error('time-out')));
  s.on('connect', () => { console.log('ESCAPED', host); s.end('HOSTILE'); });
  s.on('error', (e) => { console.log('held', e.code || e.message); if (--left === 0) process.exit(0); });
}
