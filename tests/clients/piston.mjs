// SPDX-License-Identifier: MPL-2.0
// piston.mjs URL: what npm's piston-client sees, as JSON on standard output.
import {piston} from "piston-client";

const client = piston({server: process.argv[2]});
const runtimes = await client.runtimes();
const ran = await client.execute("python", "import sys\nprint(sys.stdin.read(), sys.argv[1:])", {
    stdin: "hello", args: ["a", "b"],
});
const compiled = await client.execute({language: "c", files: [
    {name: "main.c", content: "#include <stdio.h>\nint main(void) { puts(\"c\"); return 3; }"}]});
const slow = await client.execute({language: "python", runTimeout: 500,
    files: [{content: "while True: pass"}]});
console.log(JSON.stringify({runtimes, ran, compiled, slow}));
