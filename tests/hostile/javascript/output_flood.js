// Output for ever, written asynchronously.
function go() { while (process.stdout.write('x'.repeat(65536))); process.stdout.once('drain', go); }
go();
