# SPDX-License-Identifier: Apache-2.0
"""Test results as JUnit XML, the form that every runner here writes: writing one file, and summing over several.

usage: junit.py record FILE NAME passed|failed|skipped [REASON]    a file of one result
       junit.py merge CTEST.xml FOLDER    puts the cases of GoogleTest programs in place of the programs
       junit.py summary FILE ...       a line for each file; the last line is 'N passed, N failed, N skipped'
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def write(path: pathlib.Path, suite: str, results: list) -> None:
    """`results`: (name, "passed" | "failed" | "skipped", reason)."""
    root = xml.Element("testsuite", name=suite)
    for name, outcome, reason in results:
        case = xml.SubElement(root, "testcase", classname=suite, name=name)
        if outcome != "passed":
            xml.SubElement(case, "failure" if outcome == "failed" else "skipped", message=reason)
    path.parent.mkdir(parents=True, exist_ok=True)
    xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def read(path: pathlib.Path) -> list:
    results = []
    for case in xml.parse(path).getroot().iter("testcase"):
        failure = next((case.find(tag) for tag in ("failure", "error") if case.find(tag) is not None), None)
        skip = case.find("skipped")
        outcome = "failed" if failure is not None or case.get("status") == "fail" else "passed"
        if skip is not None and skip.get("message", "").startswith("Unable to find"):
            outcome = "failed"  # CTest calls a program that was not built "not run"
        if outcome == "passed" and (skip is not None or case.get("status") in ("notrun", "disabled")):
            outcome = "skipped"
        note = failure if failure is not None else skip
        name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
        results.append((name, outcome, "" if note is None else (note.get("message") or "").strip()))
    return results


def merge(ctest: pathlib.Path, folder: pathlib.Path) -> None:
    """The test NAME is the program ingot_NAME_test, whose own results lie in `folder` unless it crashed."""
    merged = []
    for name, outcome, reason in read(ctest):
        program = name.rpartition(".")[2]
        detail = folder / f"ingot_{program}_test.xml"
        cases = read(detail) if detail.exists() else []
        told = cases and (outcome == "passed" or any(case[1] == "failed" for case in cases))
        merged += [(f"{program}.{case}", *rest) for case, *rest in cases] if told else [(program, outcome, reason)]
    write(ctest, ctest.stem, merged)


def summary(paths: list) -> int:
    total = {"passed": 0, "failed": 0, "skipped": 0}
    notes = []
    print(f"{'':24}{'passed':>8}{'failed':>8}{'skipped':>8}")
    for path in paths:
        try:
            results = read(path)
        except (OSError, xml.ParseError) as error:  # the runner died before it wrote its results
            results = [(path.stem, "failed", f"no results: {error}")]
        count = {outcome: sum(r[1] == outcome for r in results) for outcome in total}
        print(f"{path.stem:24}{count['passed']:8}{count['failed']:8}{count['skipped']:8}")
        notes += [f"{outcome}: {name}{': ' if reason else ''}{reason.splitlines()[0] if reason else ''}"
                  for name, outcome, reason in results if outcome != "passed"]
        for outcome in total:
            total[outcome] += count[outcome]
    print("\n".join(notes))
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


def main(arguments: list) -> int:
    if len(arguments) >= 4 and arguments[0] == "record":
        file, name, outcome, *reason = arguments[1:]
        write(pathlib.Path(file), name, [(name, outcome, " ".join(reason))])
        return 0
    if len(arguments) == 3 and arguments[0] == "merge":
        merge(pathlib.Path(arguments[1]), pathlib.Path(arguments[2]))
        return 0
    if len(arguments) >= 2 and arguments[0] == "summary":
        return summary([pathlib.Path(argument) for argument in arguments[1:]])
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
