// A regular expression that never finishes.
/^(a+)+$/.test('a'.repeat(64) + 'b');
