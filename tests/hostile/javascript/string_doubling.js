// A string that doubles.
let s = 'x';
for (;;) s += s;
