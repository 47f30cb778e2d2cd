// Reads files of the machine.
const fs = require('fs');
for (const p of [process.argv[3], '/etc/shadow', '/proc/1/environ', '/proc/1/cmdline']) {
  try { console.log('ESCAPED', p, fs.readFileSync(p, 'utf8')); } catch (e) { console.log('held', e.code); }
}
console.log(process.env);
