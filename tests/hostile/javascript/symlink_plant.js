// A link where an output file is expected.
require('fs').symlinkSync(process.argv[3], 'wanted.txt');
console.log('held: planted');
