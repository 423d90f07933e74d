# SPDX-License-Identifier: Apache-2.0
"""The exceptions of Ingot: one class per status code of the C API, each also a standard exception where one fits."""


class Error(Exception):
    """What every exception of Ingot derives from; `code` is the ingot_status number of the C API."""

    code = 0


class InvalidArgument(Error, ValueError):
    """The caller asked wrongly."""

    code = 2


class Unsupported(Error, NotImplementedError):
    """A correct request that this build or device cannot serve."""

    code = 3


class NotFound(Error, FileNotFoundError):
    """A file or a name does not exist."""

    code = 4


class FailedPrecondition(Error, RuntimeError):
    """The right call at the wrong moment."""

    code = 5


class ResourceExhausted(Error, MemoryError):
    """Memory, file handles, a limit."""

    code = 6


class Incompatible(Error):
    """A sound plan made for another machine or another version."""

    code = 7


class Corrupt(Error):
    """A damaged file."""

    code = 8


class Cancelled(Error):
    """Stopped at the caller's request."""

    code = 9


class Internal(Error):
    """A bug in Ingot."""

    code = 10


_BY_CODE = {cls.code: cls for cls in Error.__subclasses__()}


def of(code: int, message: str) -> Error:
    """The exception for a status code."""
    return _BY_CODE.get(code, Error)(message)
