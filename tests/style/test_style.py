#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Each style check passes on a small clean tree and fails, by name, on one thing made wrong."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
LICENCE = "/* SPDX-License-Identifier: MPL-2.0 */\n"
UNDONE = "TO" + "DO"
FILES = {
    "Makefile.am": ("x_SOURCES = mesh/a.c mesh/a.h base/b.h \\\n"
                    "\tsandbox/keeper.h sandbox/seat.h node/n.c\n"),
    "mesh/a.h": LICENCE + '#ifndef MESH_A_H\n#define MESH_A_H\nint mesh_a(int x);\n#endif\n',
    "mesh/a.c": LICENCE + '#include "mesh/a.h"\n\nint mesh_a(int x)\n{\n    return x;\n}\n',
    "base/b.h": LICENCE + "#ifndef BASE_B_H\n#define BASE_B_H\n#endif\n",
    "sandbox/keeper.h": LICENCE + "#ifndef SANDBOX_KEEPER_H\n#define SANDBOX_KEEPER_H\n#endif\n",
    "sandbox/seat.h": LICENCE + "#ifndef SANDBOX_SEAT_H\n#define SANDBOX_SEAT_H\n#endif\n",
    "node/n.c": LICENCE + '#include "mesh/a.h"\n#include "sandbox/keeper.h"\n',
    ".clang-format": ("BasedOnStyle: LLVM\nIndentWidth: 4\nBreakBeforeBraces: Linux\n"
                      "AllowShortFunctionsOnASingleLine: None\n"),
}


class Tree(unittest.TestCase):
    """A clean tree in a folder of its own, and ways to spoil it."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        for path, text in FILES.items():
            self.put(path, text)

    def put(self, path, text, mode=0o644):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(full, mode)

    def add(self, path, text):
        self.put(path, FILES[path] + text)

    def body(self, lines):
        self.put("mesh/a.c", LICENCE + '#include "mesh/a.h"\n\nint mesh_a(int x)\n{\n'
                 + "".join(f"    {line}\n" for line in lines) + "}\n")

    def run_check(self, name, *args):
        command = [os.path.join(HERE, name), *(args or (self.root,))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def passes(self, name, *args):
        status, said = self.run_check(name, *args)
        self.assertEqual(status, 0, said)

    def fails(self, name, word, *args):
        status, said = self.run_check(name, *args)
        self.assertEqual(status, 1, said)
        self.assertIn(word, said)


class Layers(Tree):
    def test_a_clean_tree_passes(self):
        self.passes("check-layers")

    def test_an_include_that_points_up_fails(self):
        self.add("mesh/a.h", '#include "node/n.h"\n')
        self.put("node/n.h", LICENCE)
        self.fails("check-layers", "mesh/a.h:6:")

    def test_a_private_header_of_the_sandbox_is_not_for_the_node(self):
        self.add("node/n.c", '#include "sandbox/seat.h"\n')
        self.fails("check-layers", "above or beside node/")

    def test_an_include_without_its_layer_fails(self):
        self.add("mesh/a.h", '#include "a.h"\n')
        self.fails("check-layers", 'not "layer/file.h"')

    def test_a_library_with_two_owners_fails(self):
        self.add("mesh/a.c", "#include <msgpack.h>\n")
        self.put("mesh/c.c", LICENCE + "#include <msgpack.h>\n")
        self.fails("check-layers", "has 2 owners")


class Tidy(Tree):
    def test_a_clean_tree_passes(self):
        self.passes("tidy")

    def test_seventy_lines_pass_and_one_more_fails(self):
        self.body(["x++;"] * 67)
        self.passes("tidy")
        self.body(["x++;"] * 68)
        self.fails("tidy", "a function of 71 lines")

    def test_six_parameters_fail(self):
        self.put("mesh/a.c", 
                 LICENCE + "int f(int a, int b, int c, int d,\n      int e, int g)\n{\n}\n")
        self.fails("tidy", "6 parameters")

    def test_a_callback_among_the_parameters_counts_once(self):
        self.put("mesh/a.c", LICENCE + "int f(int a, int (*b)(int, int, int), int c)\n{\n}\n")
        self.passes("tidy")

    def test_four_deep_fails(self):
        self.body(["if (x) {", "    if (x) {", "        if (x) {", "            if (x)"])
        self.fails("tidy", "nested deeper than 3")

    def test_a_wide_line_fails(self):
        self.add("mesh/a.h", "/* " + "x" * 100 + " */\n")
        self.fails("tidy", "columns, at most 100")

    def test_a_long_file_fails(self):
        self.add("mesh/a.c", "\n" * 600)
        self.fails("tidy", "lines, at most 600")

    def test_a_file_without_its_licence_fails(self):
        self.put("mesh/a.c", "int x;\n")
        self.fails("tidy", "the first line is not")

    def test_a_wrong_guard_fails(self):
        self.put("base/b.h", LICENCE + "#ifndef B_H\n#define B_H\n#endif\n")
        self.fails("tidy", "the guard is not BASE_B_H")

    def test_an_unfinished_thing_fails(self):
        self.add("mesh/a.c", f"/* {UNDONE}: the rest */\n")
        self.fails("tidy", "an unfinished thing")

    def test_a_file_that_nothing_builds_fails(self):
        self.put("mesh/dead.c", LICENCE)
        self.fails("tidy", "nothing in Makefile.am names it")

    def test_a_comment_that_names_a_missing_file_fails(self):
        self.add("mesh/a.c", "/* see mesh/gone.c */\n")
        self.fails("tidy", "names mesh/gone.c, which does not exist")

    def test_goto_fails(self):
        self.body(["goto out;"])
        self.fails("tidy", "goto")

    def test_a_line_comment_fails(self):
        self.add("mesh/a.c", "// why\n")
        self.fails("tidy", "comments are /* */")

    def test_a_place_on_somebodys_machine_fails(self):
        for place in ("/ho" + "me/ann/x", "/ro" + "ot/x", "/wo" + "rk/main/x"):
            self.add("mesh/a.c", f"/* {place} */\n")
            self.fails("tidy", "names a place outside the repository")

    def test_a_lock_file_with_a_private_registry_fails(self):
        self.put("tests/x/package-lock.json", '{\n"resolved": "http://10.0.0.1/a.tgz"\n}\n')
        self.fails("tidy", "not from registry.npmjs.org")

    def test_a_script_without_its_licence_fails(self):
        self.put("scripts/x", "#!/bin/bash\ntrue\n", 0o755)
        self.fails("tidy", "the second line is not")

    def test_a_file_named_for_nothing_fails(self):
        self.put("mesh/utils.c", LICENCE)
        self.fails("tidy", "a file is a noun")


class Tracked(Tree):
    def setUp(self):
        super().setUp()
        self.git("init", "-q")
        self.git("add", ".")

    def git(self, *words):
        subprocess.run(["git", "-C", self.root, *words], check=True)

    def test_a_clean_tree_passes(self):
        self.passes("check-tracked")

    def test_a_package_that_strayed_into_the_tree_fails(self):
        self.put("linux.deb", "!<arch>\n\0\0")
        self.passes("check-tracked")
        self.git("add", "linux.deb")
        self.fails("check-tracked", "linux.deb is not text")

    def test_what_a_fuzzer_found_may_be_anything(self):
        self.put("tests/fuzz/corpus/frame/1", "\0\0")
        self.git("add", ".")
        self.passes("check-tracked")

    def test_a_release_is_skipped_and_says_so(self):
        shutil.rmtree(os.path.join(self.root, ".git"))
        status, said = self.run_check("check-tracked")
        self.assertEqual(status, 77)
        self.assertIn("not a checkout", said)


class Headers(Tree):
    def test_a_clean_tree_passes(self):
        self.passes("check-headers")

    def test_a_header_that_needs_another_first_fails(self):
        self.put("base/b.h", LICENCE + "#ifndef B_H\n#define B_H\nsize_t b(void);\n#endif\n")
        self.fails("check-headers", "base/b.h does not compile alone")

    def test_a_header_that_cannot_be_included_twice_fails(self):
        self.put("base/b.h", LICENCE + "struct b {\n    int x;\n};\n")
        self.fails("check-headers", "base/b.h does not compile alone")


class Pure(Tree):
    def library(self, source):
        self.put("mesh/a.c", source)
        built = os.path.join(self.root, "a.o")
        library = os.path.join(self.root, "liba.a")
        subprocess.run(["cc", "-O1", "-c", os.path.join(self.root, "mesh/a.c"), "-o", built],
                       check=True)
        subprocess.run(["ar", "rc", library, built], check=True)
        return library

    def test_a_library_that_only_computes_passes(self):
        self.passes("check-pure", self.library(
            "#include <string.h>\nsize_t f(const char *s) { return strlen(s); }\n"))

    def test_a_library_that_reads_a_clock_fails(self):
        self.fails("check-pure", "calls time,", self.library(
            "#include <time.h>\ntime_t f(void) { return time(0); }\n"))

    def test_a_library_that_logs_fails(self):
        self.fails("check-pure", "calls log_info,", self.library(
            "void log_info(const char *s);\nvoid f(void) { log_info(\"x\"); }\n"))

    def test_a_library_with_a_global_fails(self):
        self.fails("check-pure", "keeps the variable counter", self.library(
            "static int counter;\nint f(void) { return ++counter; }\n"))

    def test_a_table_that_cannot_change_is_not_a_global(self):
        self.passes("check-pure", self.library(
            'const char *const names[] = {"a", "b"};\nconst char *f(int i) { return names[i]; }\n'))


@unittest.skipUnless(shutil.which("clang-format"), "no clang-format")
class Format(Tree):
    def test_a_clean_tree_passes(self):
        self.passes("format")

    def test_a_file_that_is_not_formatted_fails(self):
        self.add("mesh/a.c", "int  f( void );\n")
        self.fails("format", "mesh/a.c: not as clang-format writes it")


@unittest.skipUnless(shutil.which("shellcheck"), "no shellcheck")
class Scripts(Tree):
    def test_a_clean_script_passes(self):
        self.put("scripts/x", '#!/bin/bash\necho "$1"\n', 0o755)
        self.passes("check-scripts")

    def test_a_careless_script_fails(self):
        self.put("scripts/x", "#!/bin/bash\nrm -rf $1/*\n", 0o755)
        self.fails("check-scripts", "SC2086")

    def test_a_python_script_that_cannot_be_read_fails(self):
        self.put("scripts/x", "#!/usr/bin/python3\nif:\n", 0o755)
        self.fails("check-scripts", "SyntaxError")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
