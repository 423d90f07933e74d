# SPDX-License-Identifier: Apache-2.0
"""ONNX's backend suite on Ingot: node, simple, pytorch-converted, pytorch-operator and light models.

onnx_backend_expected.txt says which tests are left out ('skip') or fail for now ('xfail') and why; a test that passes
although it is listed as failing fails here. onnx_backend_update.py rewrites that file.
"""
import fnmatch
import os
import pathlib
import tempfile
import unittest
import warnings

import pytest

pytest.importorskip("onnx", reason="the package onnx is not installed")
pytest.importorskip("ml_dtypes", reason="the package ml_dtypes is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")

EXPECTED = pathlib.Path(__file__).with_name("onnx_backend_expected.txt")


def read_expected() -> list:
    """(kind, pattern, reason) per line."""
    lines = EXPECTED.read_text(encoding="utf-8").splitlines() if EXPECTED.exists() else []
    return [tuple(line.split(maxsplit=2)) for line in lines if line and not line.startswith("#")]


def expectation(expected: list, name: str) -> tuple:
    """The kind and reason for a test, ('pass', '') when it is not listed."""
    for kind, pattern, reason in expected:
        if fnmatch.fnmatchcase(name, pattern):
            return kind, reason
    return "pass", ""


def load_cases() -> dict:
    """The suite's classes by name, each with the tests of the devices that the backend has."""
    # The suite writes inputs of the light models beside its downloads.
    os.environ.setdefault("ONNX_MODELS", tempfile.mkdtemp(prefix="onnx-models-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ingot.onnx_backend as backend
        from onnx.backend.test import BackendTest
        cases = BackendTest(backend, __name__).test_cases
    for case in cases.values():
        for name in cases_of(case):
            if not backend.supports_device(name.rpartition("_")[2]):
                delattr(case, name)
    return cases


def cases_of(case: type[unittest.TestCase]) -> list:
    return [name for name in vars(case) if name.startswith("test_")]


def marked_cases() -> dict:
    cases, expected = load_cases(), read_expected()
    for case in cases.values():
        for name in cases_of(case):
            kind, reason = expectation(expected, name)
            if kind == "skip":
                setattr(case, name, pytest.mark.skip(reason=reason)(getattr(case, name)))
            elif kind == "xfail":
                setattr(case, name, pytest.mark.xfail(reason=reason, strict=True)(getattr(case, name)))
    return cases


if __name__ != "__main__":
    globals().update(marked_cases())
