#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the source tree's shape: which folder may include which, and the form of every file.

usage: check_includes.py [--root DIR]     check a tree (default: the one that this file lies in)
       check_includes.py --self-test      show that violations are caught
       check_includes.py --table          print what each folder may include, everything counted
Exits with 1 when there are violations. Needs only Python's standard library.
"""
import argparse
import pathlib
import re
import sys
import tempfile

# Folder of src/ -> the folders whose headers it may include. What those may include comes with them, and so does base.
# A name with a slash is a sub-folder with rules of its own, or the files of that stem (capi/builder.cc).
MAY_INCLUDE = {
    "base": [],
    "tensor": ["base"],
    "expr": ["tensor"],
    "ir": ["tensor", "expr"],
    "ops": ["ir", "plugin"],
    "images": ["tensor"],
    "reference": ["expr", "images"],
    "onnx": ["ops"],
    "passes": ["ops", "reference"],
    "tactics": ["tensor", "expr"],
    "tactics/testing": ["tactics", "reference"],
    "plugin": ["tactics", "include"],
    "plan": ["tensor", "expr", "tactics"],
    "backends/cpu": ["tactics", "plugin", "reference"],
    "backends/cuda": ["tactics", "plugin", "backends/cpu"],
    "runtime": ["plan", "tactics", "plugin", "backends/cpu", "backends/cuda"],
    "builder": ["passes", "reference", "tactics", "plan", "backends/cpu", "backends/cuda", "ops"],
    "verify": ["builder", "runtime", "reference", "onnx", "plugin"],
    "inspect": ["ir", "ops", "plan", "builder"],
    "capi": ["runtime", "include"],
    "capi/runtime": ["capi", "runtime", "include"],
    "capi/builder": ["capi", "verify", "inspect", "onnx", "builder", "runtime", "include"],
}
# The same for what stands beside src/. include/ is what users see: it may include nothing of src/.
OUTSIDE = {
    "include": [],
    "python": ["include"],
    "tools": ["include", "verify", "inspect", "plugin"],
}
# A test may use these besides what its folder may: the reference evaluator is the oracle of every test, the importer
# brings networks as exporters wrote them, tactics/testing makes cases of problems.
TESTS_MAY_INCLUDE = ["reference", "onnx", "tactics/testing"]

# External headers that only some folders may see. Pattern of the included path -> the folders.
CONFINED = {
    r"^google/protobuf/|\.pb\.h$": ["onnx"],
    r"^(dnnl|oneapi/)": ["backends/cpu"],
    r"^hwy/": ["backends/cpu"],
    r"^(jpeglib|jerror|tiffio|openjpeg)\.h$|^webp/": ["images"],
    r"^CLI/": ["tools"],
    r"^nanobind/": ["python"],
}
# Headers that a build step writes, so that they need not exist in the tree.
GENERATED = re.compile(r"(\.pb|_generated)\.h$")

MAX_LINES = 800
COUNTED_SUFFIXES = {".h", ".cc", ".cu", ".inc", ".py", ".sh", ".cmake", ".fbs", ".proto"}
SPDX = "SPDX-License-Identifier: Apache-2.0"
FORM_FOLDERS = ["src", "include", "tools", "python", "tests", "bench", "examples", "scripts", "cmake"]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def closure(table: dict) -> dict:
    """Folder -> everything it may include, itself and base too. A cycle in the table is an error of the table."""
    done = {}

    def visit(name: str, path: tuple) -> set:
        if name in path:
            raise ValueError(f"the table has a cycle: {' -> '.join(path + (name,))}")
        if name not in done:
            reached = {name} if name == "include" else {name, "base"}
            for other in table[name]:
                reached |= visit(other, path + (name,))
            done[name] = reached
        return done[name]

    for name in table:
        visit(name, ())
    return done


ALLOWED = closure({**MAY_INCLUDE, **OUTSIDE})


def unit_of(path: str):
    """The row of the table for a path relative to src/: the longest name that is its folder or its stem."""
    stem = re.sub(r"(_test)?\.[^/]*$", "", path)
    matches = [name for name in MAY_INCLUDE
               if path.startswith(name + "/") or ("/" in name and (stem == name or stem.startswith(name + "_")))]
    return max(matches, key=len, default=None)


def owner_of(root: pathlib.Path, file: pathlib.Path):
    top, _, rest = file.relative_to(root).as_posix().partition("/")
    return unit_of(rest) if top == "src" else top


def target_of(root: pathlib.Path, included: str, quoted: bool):
    """The row that an included path belongs to; None: not ours; "?": quoted, but not a header of this tree."""
    if (root / "src" / included).is_file() or (GENERATED.search(included) and unit_of(included)):
        return unit_of(included) or "?"
    if (root / "include" / included).is_file():
        return "include"
    return "?" if quoted and not GENERATED.search(included) else None


def check_file(root: pathlib.Path, file: pathlib.Path) -> list:
    where, owner = file.relative_to(root).as_posix(), owner_of(root, file)
    if owner is None:
        return [f"{where}: this folder has no row in MAY_INCLUDE of tests/check_includes.py"]
    allowed = set(ALLOWED[owner])
    if file.stem.endswith("_test"):
        for name in TESTS_MAY_INCLUDE:
            allowed |= ALLOWED[name]
    problems = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quoted, included = found[1] == '"', found[2]
        for pattern, folders in CONFINED.items():
            if re.search(pattern, included) and owner not in folders:
                problems.append(f"{where}:{number}: only {', '.join(folders)} may include {included}")
        target = target_of(root, included, quoted)
        beside = (file.parent / included).is_file()
        if target == "?" and beside and owner in OUTSIDE:
            continue  # outside src/ a header beside the file is named as it is
        if target == "?" and beside:
            problems.append(f'{where}:{number}: "{included}" must be written relative to src/')
        elif target == "?":
            problems.append(f'{where}:{number}: "{included}" is not in this tree; external headers take <>')
        elif target is not None and target not in allowed:
            problems.append(f"{where}:{number}: {owner} may not include {target} ({included})")
    return problems


def check_form(root: pathlib.Path, file: pathlib.Path) -> list:
    where, problems = file.relative_to(root).as_posix(), []
    lines = file.read_text(encoding="utf-8").splitlines()
    if len(lines) > MAX_LINES:
        problems.append(f"{where}: {len(lines)} lines, at most {MAX_LINES} are allowed")
    head = lines[1:2] if lines and lines[0].startswith("#!") else lines[:1]
    if not head or SPDX not in head[0]:
        problems.append(f"{where}:1: the first line must be '{SPDX}' in a comment")
    # A -inl.h file is meant to be included once per instruction set, under a guard that flips (Highway's scheme).
    if file.suffix == ".h" and not file.name.endswith("-inl.h") and "#pragma once" not in lines:
        problems.append(f"{where}: #pragma once is missing")
    return problems


def check_tree(root: pathlib.Path) -> list:
    problems = []
    for folder in ["src", *OUTSIDE]:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in {".h", ".cc", ".cu", ".inc"} and file.is_file():
                problems += check_file(root, file)
    for folder in FORM_FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in COUNTED_SUFFIXES and file.is_file():
                problems += check_form(root, file)
    return problems


def self_test() -> list:
    """Builds trees with exactly one violation each, and one with none. Returns what went wrong."""
    head, header = f"// {SPDX}\n", f"// {SPDX}\n#pragma once\n"
    sound = {
        "src/base/status.h": header, "src/tensor/shape.h": header + '#include "base/status.h"\n',
        "src/ir/graph.h": header + '#include "tensor/shape.h"\n#include <vector>\n',
        "src/ops/ops.h": header + '#include "ir/graph.h"\n', "src/reference/evaluator.h": header,
        "src/onnx/import.h": header, "src/onnx/import.cc": head + '#include "onnx/onnx.pb.h"\n#include "ops/ops.h"\n',
        "src/plan/reader.cc": head + '#include "plan/plan_generated.h"\n', "src/builder/builder.h": header,
        "src/tactics/problem.h": header, "src/tactics/problem_test.cc": head + '#include "reference/evaluator.h"\n',
        "src/backends/cpu/conv.cc": head + '#include "tactics/problem.h"\n#include <dnnl.hpp>\n',
        "src/capi/runtime.cc": head + '#include "ingot/c_api.h"\n',
        "src/capi/builder.cc": head + '#include "builder/builder.h"\n', "include/ingot/c_api.h": header,
        "tools/main.cc": head + '#include <CLI/CLI.hpp>\n#include "ingot/c_api.h"\n',
    }
    violations = {
        "tensor may not include ir": ("src/tensor/bad.h", header + '#include "ir/graph.h"\n'),
        "runtime may not include builder": ("src/runtime/bad.cc", head + '#include "builder/builder.h"\n'),
        "capi/runtime may not include builder": ("src/capi/runtime.cc", head + '#include "builder/builder.h"\n'),
        "backends/cpu may not include ops": ("src/backends/cpu/x.cc", head + '#include <ops/ops.h>\n'),
        "include may not include base": ("include/ingot/bad.h", header + '#include "base/status.h"\n'),
        "only onnx may include": ("src/ops/bad.cc", head + "#include <google/protobuf/message.h>\n"),
        "must be written relative to src/": ("src/ir/bad.cc", head + '#include "graph.h"\n'),
        "external headers take <>": ("src/ir/bad.cc", head + '#include "somewhere/else.h"\n'),
        "has no row": ("src/newfolder/a.h", header),
        "#pragma once is missing": ("src/ir/bad.h", head),
        "the first line must be": ("src/ir/bad.h", "#pragma once\n"),
        "lines, at most": ("src/ir/bad.cc", head + "\n" * MAX_LINES),
    }
    failures = []
    for expected, (path, text) in [(None, ("", "")), *violations.items()]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, content in {**sound, **({path: text} if path else {})}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(content)
            problems = check_tree(root)
            caught = not problems if expected is None else len(problems) == 1 and expected in problems[0]
            if not caught:
                failures.append(f"self-test: expected {expected or 'no problem'}, got {problems}")
    try:
        closure({"base": [], "a": ["b"], "b": ["a"]})
        failures.append("self-test: a cycle in the table was not noticed")
    except ValueError:
        pass
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        for name, reached in ALLOWED.items():
            print(f"{name:13} {' '.join(sorted(reached - {name}))}")
        return 0
    problems = self_test() if options.self_test else check_tree(options.root.resolve())
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problems" if problems else "no problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
