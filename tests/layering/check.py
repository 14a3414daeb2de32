#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the source tree to its layers and its rules of form.

usage: check.py [ROOT]

Prints each violation as `file:line: text` and exits with 1 if there is any. Reading is by lines and braces, not by a
compiler: good enough to catch a slip, and quick enough to run before every commit.
"""
import re
import sys
from pathlib import Path

# --- What is allowed where. Paths are relative to src/; a trailing slash means the whole folder. ---------------------

# Third-party headers that only some parts may know, by the start of the header's name.
LIBRARIES = {
    "yaml-cpp": ["config/"],
    "simdjson": ["jsonrpc/", "devnode/", "health/", "admin/", "app/"],
    "prometheus": ["metrics/"],
    "spdlog": ["base/log.", "base/log_"],
    "openssl": ["net/"],
}
# ... and the files that may all the same, with the reason.
LIBRARY_EXCEPTIONS = {
    ("openssl", "ws/handshake.cpp"): "SHA-1 of the WebSocket handshake",
    ("openssl", "devnode/"): "the simulated node serves TLS without the product's net layer",
}

# Code that only some files may contain, so that everything else can run on simulated time and from a seed.
CONFINED = [
    (re.compile(r"\b\w*[cC]lock\s*::\s*now\s*\("), ["base/clock.cpp"], "reads a clock; take `now` as an argument"),
    (re.compile(r"\brandom_device\b"), ["base/random.cpp"], "draws from the system; take a Random& as an argument"),
    (re.compile(r"\b(?:sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\("), ["base/clock.cpp", "base/random.cpp"],
     "sleeps; use a timer"),
]

FILE_LINES_MAX = 400
# Tables of rows, which are better whole than split.
TABLES = [
    "config/table.cpp",
]
FUNCTION_LINES_MAX = 70

# Split here, so that this file does not hold the words it looks for.
BANNED_WORDS = ["TO" "DO", "FIX" "ME", "X" "XX"]
BANNED_NAME_PARTS = {"util", "utils", "manager", "managers"}

CODE_SUFFIXES = {".cpp", ".hpp"}
TEXT_SUFFIXES = CODE_SUFFIXES | {".py", ".sh", ".js", ".mjs", ".ts", ".yaml", ".yml", ".md", ".cmake", ".txt"}
SPDX = "// SPDX-License-Identifier: Apache-2.0"

# ---------------------------------------------------------------------------------------------------------------------


class Report:
    def __init__(self, root):
        self.root = root
        self.found = set()

    def add(self, path, line, text):
        self.found.add((str(path.relative_to(self.root)), line, text))


def is_within(name, places):
    """Whether src-relative `name` is one of `places`, lies below one, or starts with one that is a bare prefix."""
    return any(name.startswith(place) for place in places)


# --- The text of a C++ file without what is not code ---

TOKEN = re.compile(
    r"""//[^\n]* | /\*.*?\*/
      | (?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"
      | (?<![\w])(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"
      | (?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'""",
    re.VERBOSE | re.DOTALL)


def without_comments_and_literals(text, keep_includes=False):
    """Blanks them out; line numbers stay. Include lines keep their names on request."""

    def blank(match):
        found = match.group(0)
        if keep_includes and found.startswith('"'):
            before = text[text.rfind("\n", 0, match.start()) + 1:match.start()]
            if re.fullmatch(r"\s*#\s*include\s*", before):
                return found
        return re.sub(r"[^\n]", " ", found)

    return TOKEN.sub(blank, text)


def without_preprocessor(code):
    """Blanks directives, and all branches of a conditional but its first, so that braces balance."""
    out = []
    hidden = []  # for each open conditional: whether its present branch is hidden
    continued = False
    for line in code.split("\n"):
        directive = continued or line.lstrip().startswith("#")
        if directive and not continued:
            word = line.lstrip()[1:].lstrip()
            if re.match(r"if", word):
                hidden.append(False)
            elif re.match(r"el", word) and hidden:
                hidden[-1] = True
            elif re.match(r"endif", word) and hidden:
                hidden.pop()
        continued = directive and line.rstrip().endswith("\\")
        out.append("" if directive or any(hidden) else line)
    return "\n".join(out)


# --- Modules and their edges ---


def read_modules(src, report):
    """{folder: (declared modules, line of DEPS, path)} from each folder's sluice_library()."""
    modules = {}
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        path = folder / "CMakeLists.txt"
        if not path.exists():
            if any(folder.rglob("*.[ch]pp")):
                report.add(folder, 1, "has sources but no CMakeLists.txt with a sluice_library()")
            continue
        text = re.sub(r"#[^\n]*", lambda m: " " * len(m.group(0)), path.read_text())
        calls = list(re.finditer(r"\bsluice_library\s*\(([^)]*)\)", text))
        if len(calls) != 1:
            report.add(path, 1, f"must have exactly one sluice_library(), has {len(calls)}")
        for call in calls[:1]:
            words = call.group(1).split()
            if not words or words[0] != folder.name:
                report.add(path, text.count("\n", 0, call.start()) + 1, f"sluice_library() must be named {folder.name}")
            deps, section = [], None
            for word in words[1:]:
                if word in ("SOURCES", "DEPS", "LIBS"):
                    section = word
                elif section == "DEPS":
                    deps.append(word)
            at = re.search(r"\bDEPS\b", call.group(1))
            line = text.count("\n", 0, call.start(1) + (at.start() if at else 0)) + 1
            modules[folder.name] = (deps, line, path)
    return modules


def check_declared(modules, report):
    for name, (deps, line, path) in modules.items():
        for dep in deps:
            if dep not in modules:
                report.add(path, line, f"DEPS names {dep}, which is no module")


def check_cycles(modules, report):
    """Reports each strongly tied group of modules once, at one edge of it."""
    done, trail = set(), []

    def visit(name):
        if name in trail:
            cycle = trail[trail.index(name):] + [name]
            _, line, path = modules[cycle[-2]]
            report.add(path, line, "modules in a cycle: " + " -> ".join(cycle))
            return
        if name in done or name not in modules:
            return
        trail.append(name)
        for dep in sorted(modules[name][0]):
            visit(dep)
        trail.pop()
        done.add(name)

    for name in sorted(modules):
        visit(name)


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check_includes(path, name, code, src, modules, report):
    module = name.split("/")[0]
    deps = modules.get(module, ([], 0, None))[0]
    for number, line in enumerate(code.split("\n"), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, header = match.group(1) == '"', match.group(2)
        for library, places in LIBRARIES.items():
            if not re.match(re.escape(library) + r"(?:[/.]|$)", header):
                continue
            excepted = [place for known, place in LIBRARY_EXCEPTIONS if known == library]
            if not is_within(name, places + excepted):
                report.add(path, number, f"includes {header}: only {', '.join(places)} may know {library}")
            break
        else:
            target = header.split("/")[0]
            if "/" in header and (src / target).is_dir() and ".." not in header:
                if target != module and target not in deps:
                    report.add(path, number, f"includes {header}: {target} is not in the DEPS of {module}")
            elif quoted:
                report.add(path, number, f"includes \"{header}\": write the path from src/, as \"module/file.hpp\"")


# --- Form ---


def check_words(path, text, report):
    pattern = re.compile(r"\b(?:" + "|".join(BANNED_WORDS) + r")\b")
    for number, line in enumerate(text.split("\n"), 1):
        for match in pattern.finditer(line):
            report.add(path, number, f"{match.group(0)}: do it now, or leave the word out")


def check_head(path, text, report):
    if text.split("\n", 1)[0].rstrip("\r") != SPDX:
        report.add(path, 1, f"first line must be {SPDX}")


def check_length(path, name, text, report):
    lines = text.count("\n") + (0 if text.endswith("\n") or not text else 1)
    if lines > FILE_LINES_MAX and name not in TABLES:
        report.add(path, FILE_LINES_MAX + 1, f"file of {lines} lines, at most {FILE_LINES_MAX}: split it along a seam")


def check_confined(path, name, code, report):
    for number, line in enumerate(code.split("\n"), 1):
        for pattern, places, why in CONFINED:
            if name not in places and pattern.search(line):
                report.add(path, number, f"{why} (allowed in {', '.join(places)} only)")


def name_parts(identifier):
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", identifier)]


def check_names(path, name, code, report):
    for part in Path(name).with_suffix("").parts:
        if BANNED_NAME_PARTS & set(name_parts(part)):
            report.add(path, 1, f"{part}: name it after what it does")
    for number, line in enumerate(code.split("\n"), 1):
        if INCLUDE.match(line):
            continue
        for identifier in re.findall(r"\b[A-Za-z_]\w*", line):
            if BANNED_NAME_PARTS & set(name_parts(identifier)):
                report.add(path, number, f"{identifier}: name it after what it does")


SCOPE = re.compile(r"(?:inline\s+)?(?:namespace|class|struct|union|enum)\b")


def header_kind(header):
    """What a brace opens at namespace or class level: `scope`, `function` or `other`, judged by the text before it."""
    header = re.sub(r"\b(?:public|private|protected)\s*:", " ", header)
    header = re.sub(r"\[\[.*?\]\]|\balignas\s*\([^)]*\)", " ", header, flags=re.DOTALL).strip()
    while header.startswith("template"):
        header = skip_angle_brackets(header[len("template"):]).strip()
    if SCOPE.match(header):
        return "scope"
    if header.count("(") != header.count(")"):
        return "other"  # an argument in braces
    bare, before = header, None
    while bare != before:
        bare, before = re.sub(r"\([^()]*\)", "", bare), bare
    assigned = re.split(r"(?<![=!<>])=(?!=)", re.sub(r"operator\s*[^\w\s]+", "operator", bare))
    if len(assigned) > 1:
        return "function" if assigned[-1].lstrip().startswith("[") else "other"  # a lambda with a name, or a table
    if "(" in header:
        return "function"
    return "scope" if header.startswith("extern") else "other"


def skip_angle_brackets(text):
    text = text.lstrip()
    depth = 0
    for i, c in enumerate(text):
        depth += {"<": 1, ">": -1}.get(c, 0)
        if depth == 0:
            return text[i + 1:]
    return ""


def functions(code):
    """Yields (first line, last line) of each function with a body; a lambda counts as part of its function."""
    code = without_preprocessor(code)
    closing = matching_braces(code)
    i = header_from = 0
    while i < len(code):
        c = code[i]
        if c in ";}" or (c == ":" and re.search(r"\b(?:public|private|protected)\s*$", code[header_from:i])):
            header_from = i + 1
        elif c == "{":
            kind = header_kind(code[header_from:i])
            end = closing.get(i, len(code) - 1)
            if kind == "scope":
                header_from = i + 1
            else:
                after = code[end + 1:].lstrip()[:1]
                if kind == "function" and after in (",", "{"):
                    i = end  # a member's initialiser in braces; the body is still to come
                else:
                    if kind == "function":
                        start = header_from + len(code[header_from:i]) - len(code[header_from:i].lstrip())
                        yield code.count("\n", 0, start) + 1, code.count("\n", 0, end) + 1
                    i = end
                    header_from = end + 1 if kind == "function" else header_from
        i += 1


def matching_braces(code):
    closing, stack = {}, []
    for match in re.finditer(r"[{}]", code):
        if match.group(0) == "{":
            stack.append(match.start())
        elif stack:
            closing[stack.pop()] = match.start()
    return closing


def check_functions(path, code, report):
    for first, last in functions(code):
        lines = last - first + 1
        if lines > FUNCTION_LINES_MAX:
            report.add(path, first, f"function of {lines} lines, at most {FUNCTION_LINES_MAX}")


# --- All of it ---


def check_source(path, src, modules, report):
    name = str(path.relative_to(src))
    text = path.read_text(errors="replace")
    code = without_comments_and_literals(text)
    check_includes(path, name, without_comments_and_literals(text, keep_includes=True), src, modules, report)
    check_length(path, name, text, report)
    check_confined(path, name, code, report)
    check_names(path, name, code, report)
    check_functions(path, code, report)


def check_tree(root):
    report = Report(root)
    src = root / "src"
    modules = read_modules(src, report)
    check_declared(modules, report)
    check_cycles(modules, report)
    for path in sorted(src.rglob("*")):
        if path.suffix in CODE_SUFFIXES:
            check_source(path, src, modules, report)
    for folder in (src, root / "tests"):
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or "corpus" in path.parts or "node_modules" in path.parts:
                continue
            if path.suffix in TEXT_SUFFIXES:
                check_words(path, path.read_text(errors="replace"), report)
            if path.suffix in CODE_SUFFIXES:
                check_head(path, path.read_text(errors="replace"), report)
    return sorted(report.found)


def main(arguments):
    if len(arguments) > 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2]
    if not (root / "src").is_dir():
        print(f"{root} has no src/", file=sys.stderr)
        return 2
    found = check_tree(root)
    for path, line, text in found:
        print(f"{path}:{line}: {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
