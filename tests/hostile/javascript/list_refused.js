// What no JavaScript program is seen to need: other users and groups, sockets of any family.
'use strict';
const net = require('net');
let escapes = 0;

function refused(what, call) {
  let failed = false;
  try {
    call();
  } catch (e) {
    failed = true;
  }
  console.log(`${failed ? 'held' : 'ESCAPED'}: ${what}`);
  escapes += !failed;
}

refused('setuid', () => process.setuid(process.getuid()));
refused('setgid', () => process.setgid(process.getgid()));
refused('setgroups', () => process.setgroups([process.getgid()]));
refused('initgroups', () => process.initgroups(0, process.getgid()));
net.createServer().on('error', () => console.log('held: listen'))
  .on('listening', () => {
    console.log('ESCAPED: listen');
    process.exit(1);
  }).listen('socket');
process.exitCode = escapes;
