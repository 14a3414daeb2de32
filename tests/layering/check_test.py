#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one violation after another in a small tree and proves that check.py finds it, where it is, and nothing else."""
import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).resolve().parent / "check.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(CHECK.parent))
import check  # noqa: E402
HEAD = "// SPDX-License-Identifier: Apache-2.0\n"

CLEAN = {
    "src/base/CMakeLists.txt": "sluice_library(base\n  SOURCES clock.cpp random.cpp log.cpp log_writer.cpp)\n",
    "src/base/clock.hpp": HEAD + "#pragma once\n#include <utility>\n",
    "src/base/clock.cpp": HEAD + '#include "base/clock.hpp"\nauto now() { return Clock::now(); }\n',
    "src/base/random.cpp": HEAD + "#include <random>\nunsigned seed() { return std::random_device{}(); }\n",
    "src/base/log.cpp": HEAD + "#include <spdlog/spdlog.h>\n",
    "src/base/log_writer.cpp": HEAD + "#include <spdlog/async.h>\n",
    "src/net/CMakeLists.txt": "# DEPS ghost\nsluice_library(net\n  SOURCES tls.cpp\n  DEPS base)\n",
    "src/net/tls.cpp": HEAD + '#include <openssl/ssl.h>\n#include <boost/asio.hpp>\n#include "base/clock.hpp"\n#include "net/tls.hpp"\n',
    "src/net/tls.hpp": HEAD + "#pragma once\n",
    "src/ws/CMakeLists.txt": "sluice_library(ws SOURCES handshake.cpp DEPS base)\n",
    "src/ws/handshake.cpp": HEAD + "#include <openssl/evp.h>\n",
    "src/app/CMakeLists.txt": "sluice_library(app SOURCES main.cpp DEPS base net LIBS fmt::fmt)\n",
    "src/app/main.cpp": HEAD + '#include "net/tls.hpp"\nint main() { return 0; }\n',
    "src/config/CMakeLists.txt": "sluice_library(config SOURCES load.cpp DEPS base)\n",
    "src/config/load.cpp": HEAD + "#include <yaml-cpp/yaml.h>\n",
    "src/jsonrpc/CMakeLists.txt": "sluice_library(jsonrpc SOURCES reply.cpp DEPS base)\n",
    "src/jsonrpc/reply.cpp": HEAD + "#include <simdjson.h>\n",
    "src/metrics/CMakeLists.txt": "sluice_library(metrics SOURCES registry.cpp DEPS base)\n",
    "src/metrics/registry.cpp": HEAD + "#include <prometheus/registry.h>\n",
    "tests/unit/net/tls_test.cpp": HEAD + "#include <simdjson.h>\n",
    "tests/fuzz/corpus/words.txt": "TO" "DO",
}


def body(lines):
    return "  step();\n" * lines


def function(lines, header="void run()"):
    """A function of so many lines in all."""
    return header + " {\n" + body(lines - 2) + "}\n"


def plant(root, changes):
    """Writes the clean tree with `changes` (path: text, or None to leave a file out)."""
    for path, text in {**CLEAN, **changes}.items():
        if text is None:
            continue
        file = Path(root, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class CheckTest(unittest.TestCase):
    def run_check(self, changes):
        """-> (exit code, lines printed)."""
        with tempfile.TemporaryDirectory() as root:
            plant(root, changes)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                code = check.main([root])
            return code, printed.getvalue().splitlines()

    def assert_clean(self, changes):
        self.assertEqual((0, []), self.run_check(changes))

    def assert_found(self, changes, *places):
        """Exactly these places, each (`file:line`, a piece of the text)."""
        code, lines = self.run_check(changes)
        self.assertEqual(1, code)
        self.assertEqual(len(places), len(lines), lines)
        for (place, piece), line in zip(places, lines):
            self.assertTrue(line.startswith(place + ": "), f"{line!r} is not at {place}")
            self.assertIn(piece, line)

    def code(self, text, place, piece, path="src/app/main.cpp"):
        self.assert_found({path: HEAD + text}, (f"{path}:{place}", piece))

    def clean_code(self, text, path="src/app/main.cpp"):
        self.assert_clean({path: HEAD + text})

    def test_clean_tree(self):
        self.assert_clean({})

    def test_exit_codes_of_the_program(self):
        bad = {"src/app/main.cpp": HEAD + '#include "ws/frame.hpp"\n'}
        for changes, code, output in (({}, 0, ""), (bad, 1, "src/app/main.cpp:2: includes ws/frame.hpp")):
            with tempfile.TemporaryDirectory() as root:
                plant(root, changes)
                done = subprocess.run([sys.executable, str(CHECK), root], capture_output=True, text=True, check=False)
            self.assertEqual((code, ""), (done.returncode, done.stderr))
            self.assertTrue(done.stdout.startswith(output))
        with tempfile.TemporaryDirectory() as root:
            done = subprocess.run([sys.executable, str(CHECK), root], capture_output=True, check=False)
        self.assertEqual(2, done.returncode)

    # --- edges ---

    def test_undeclared_edge(self):
        self.code('#include <string>\n#include "ws/frame.hpp"\n', 3, "ws is not in the DEPS of app")
        self.code("#include <ws/frame.hpp>\n", 2, "ws is not in the DEPS of app")
        self.code('  #  include "ws/frame.hpp"\n', 2, "ws is not in the DEPS of app")

    def test_transitive_deps_do_not_count(self):
        self.assert_found({"src/app/CMakeLists.txt": "sluice_library(app SOURCES main.cpp DEPS net)\n",
                           "src/app/main.cpp": HEAD + '#include "base/clock.hpp"\n'},
                          ("src/app/main.cpp:2", "base is not in the DEPS of app"))

    def test_edge_upwards(self):
        self.code('#include "app/run.hpp"\n', 2, "app is not in the DEPS of base", "src/base/clock.cpp")

    def test_edge_from_a_folder_below(self):
        self.code('#include "ws/frame.hpp"\n', 2, "ws is not in the DEPS of app", "src/app/deep/file.hpp")

    def test_commented_include_is_none(self):
        self.clean_code('// #include "ws/frame.hpp"\n/*\n#include "ws/frame.hpp"\n*/\n')

    def test_commented_deps_are_none(self):
        self.assert_found({"src/app/CMakeLists.txt": "sluice_library(app SOURCES main.cpp\n  # DEPS net\n)\n"},
                          ("src/app/main.cpp:2", "net is not in the DEPS of app"))

    def test_libs_are_no_deps(self):
        self.assert_found({"src/app/CMakeLists.txt": "sluice_library(app SOURCES main.cpp DEPS base LIBS net)\n"},
                          ("src/app/main.cpp:2", "net is not in the DEPS of app"))

    def test_include_not_by_module(self):
        self.code('#include "tls.hpp"\n', 2, "write the path from src/")
        self.code('#include "../net/tls.hpp"\n', 2, "write the path from src/")

    def test_cycle(self):
        self.assert_found({"src/base/CMakeLists.txt": "sluice_library(base\n  SOURCES clock.cpp\n  DEPS net)\n"},
                          ("src/net/CMakeLists.txt:4", "base -> net -> base"))

    def test_cycle_with_itself(self):
        self.assert_found({"src/ws/CMakeLists.txt": "sluice_library(ws SOURCES handshake.cpp DEPS ws)\n"},
                          ("src/ws/CMakeLists.txt:1", "ws -> ws"))

    def test_long_cycle(self):
        self.assert_found({"src/base/CMakeLists.txt": "sluice_library(base SOURCES clock.cpp DEPS ws)\n",
                           "src/ws/CMakeLists.txt": "sluice_library(ws SOURCES handshake.cpp DEPS net)\n"},
                          ("src/net/CMakeLists.txt:4", "base -> ws -> net -> base"))

    def test_unknown_dep(self):
        self.assert_found({"src/ws/CMakeLists.txt": "sluice_library(ws SOURCES handshake.cpp DEPS bsae)\n"},
                          ("src/ws/CMakeLists.txt:1", "bsae, which is no module"))

    def test_module_without_a_library(self):
        self.assert_found({"src/ws/CMakeLists.txt": None}, ("src/ws:1", "no CMakeLists.txt"))

    def test_library_of_another_name(self):
        self.assert_found({"src/ws/CMakeLists.txt": "sluice_library(wss SOURCES handshake.cpp)\n"},
                          ("src/ws/CMakeLists.txt:1", "must be named ws"))

    def test_two_libraries(self):
        self.assert_found({"src/ws/CMakeLists.txt": CLEAN["src/ws/CMakeLists.txt"] * 2},
                          ("src/ws/CMakeLists.txt:1", "exactly one"))

    # --- third-party headers ---

    def test_library_out_of_its_place(self):
        for header, library in (("<yaml-cpp/yaml.h>", "yaml-cpp"), ("<simdjson.h>", "simdjson"),
                                ('"simdjson.h"', "simdjson"), ("<prometheus/counter.h>", "prometheus"),
                                ("<spdlog/spdlog.h>", "spdlog"), ("<openssl/ssl.h>", "openssl")):
            with self.subTest(header):
                path = "src/base/text.cpp"
                self.code(f"\n#include {header}\n", 3, f"may know {library}", path)

    def test_library_next_to_its_place(self):
        self.code("#include <spdlog/spdlog.h>\n", 2, "may know spdlog", "src/base/logic.cpp")
        self.code("#include <openssl/sha.h>\n", 2, "may know openssl", "src/ws/frame.cpp")

    # --- form ---

    def test_long_file(self):
        self.code("int a;\n" * 400, 401, "file of 401 lines")
        self.clean_code("int a;\n" * 399)
        self.clean_code("int a;\n" * 398 + "int a;")

    def test_table_may_be_long(self):
        self.clean_code("int a;\n" * 500, "src/config/table.cpp")

    def test_long_function(self):
        self.code("\n" + function(71), 3, "function of 71 lines")
        self.clean_code(function(70) + function(70))

    def test_long_function_of_each_shape(self):
        for header in ("template <class T>\nauto run(T x) -> decltype(x.y())", "Thing::Thing(int a) : a_{a}, b_(a), c_{}",
                       "bool operator==(const Thing& a, const Thing& b)", "bool operator<=(Thing a, int b = 3) noexcept",
                       'extern "C" int run(int (*f)(int))', "constexpr auto kRows = []", "auto run = [&](int a)",
                       "void run() const&\n    noexcept(true)", "[[nodiscard]] static int run(std::array<int, f(3)> a)"):
            with self.subTest(header):
                self.code(function(80, header), 2, f"function of {80 + header.count(chr(10))} lines")

    def test_long_function_in_scopes(self):
        inside = function(71, "  void run()")
        self.code("namespace a {\nclass alignas(64) B final : public C<int> {\n public:\n" + inside + "};\n}\n", 5, "71 lines")
        self.code("template <class T>\nstruct B {\n" + inside + "};\n", 4, "71 lines")
        self.code('extern "C" {\n' + inside + "}\n", 3, "71 lines")
        self.code("enum class E { a, b };\n" + inside, 3, "71 lines")
        self.code("int a{3};\nint b[] = {1, 2};\n" + inside, 4, "71 lines")

    def test_long_function_despite_odd_braces(self):
        self.code('void a() { say("}{{", \'{\', R"x({{)x"); } // {\n' + function(71), 3, "71 lines")
        self.code("#define OPEN {\nvoid a() { b(1\'000\'000); }\n" + function(71), 4, "71 lines")

    def test_long_function_with_two_heads(self):
        text = HEAD + "#if A\nvoid a() {\n#else\nvoid b() {\n#endif\n" + body(80) + "}\n" + function(71)
        self.assert_found({"src/app/main.cpp": text}, ("src/app/main.cpp:3", "function of 85 lines"),
                          ("src/app/main.cpp:88", "function of 71 lines"))

    def test_long_things_that_are_no_functions(self):
        rows = "  {1, f(2)},\n" * 80
        for begin, end in (("constexpr Row kRows[] = {\n", "};\n"), ("auto rows = std::to_array<Row>({\n", "});\n"),
                           ("const std::array<Row, size(3)> kRows = {\n", "};\n"), ("struct A {\n", "};\n")):
            with self.subTest(begin):
                self.clean_code(begin + (rows if "A" not in begin else "  int a();\n" * 80) + end)

    def test_clock(self):
        for text in ("auto t = std::chrono::steady_clock::now();", "auto t = std::chrono::system_clock :: now ();",
                     "auto t = Clock::now();"):
            self.code("\n" + text + "\n", 3, "reads a clock")
        self.code("auto t = Clock::now();\n", 2, "reads a clock", "src/base/random.cpp")
        self.clean_code('auto t = now();\n// Clock::now()\nauto s = "Clock::now()";\n')

    def test_random_device(self):
        self.code("std::random_device d;\n", 2, "draws from the system")

    def test_sleep(self):
        for text in ("sleep(1);", "usleep(1);", "std::this_thread::sleep_for(1s);", "std::this_thread::sleep_until(t);"):
            self.code(text + "\n", 2, "sleeps")
        self.clean_code("void f() { sleepers.wake(); }\n// it never sleeps (or sleep())\n")

    def test_banned_words(self):
        for word in ("TO" "DO", "FIX" "ME", "X" "XX"):
            self.code(f"\n// {word}: later\n", 3, word)
            self.assert_found({"tests/run.sh": f"#!/bin/sh\n# {word}\n"}, ("tests/run.sh:2", word))
        self.clean_code('// the template is "sluice.' + "X" * 6 + '"\n')

    def test_spdx(self):
        self.assert_found({"src/net/tls.hpp": "#pragma once\n" + HEAD}, ("src/net/tls.hpp:1", "SPDX"))
        self.assert_found({"src/net/tls.hpp": ""}, ("src/net/tls.hpp:1", "SPDX"))
        self.assert_found({"tests/unit/net/tls_test.cpp": "int a;\n"}, ("tests/unit/net/tls_test.cpp:1", "SPDX"))

    def test_names(self):
        for text, name in (("class ConnectionManager;", "ConnectionManager"), ("namespace util {}", "util"),
                           ("void string_util();", "string_util"), ("struct HttpUtils;", "HttpUtils")):
            self.code(text + "\n", 2, name + ": name it")
        self.code("", 1, "string_util", "src/app/string_util.cpp")
        self.clean_code("#include <utility>\ndouble utilization();\nint manages;  // no Manager, no util\n")

    def test_all_violations_at_once(self):
        self.assert_found({"src/app/main.cpp": '#include "ws/frame.hpp"\nstd::random_device d;\nsleep(1);\n'},
                          ("src/app/main.cpp:1", "SPDX"), ("src/app/main.cpp:1", "DEPS"),
                          ("src/app/main.cpp:2", "draws"), ("src/app/main.cpp:3", "sleeps"))


if __name__ == "__main__":
    unittest.main()
