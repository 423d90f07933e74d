# SPDX-License-Identifier: Apache-2.0
"""Which bytes ONNX Runtime multiplies exactly on this machine.

On x86 processors without VNNI instructions its products of bytes add up neighbours in 16 bits, which saturate: there it
says what is right of signed bytes of seven bits only (255 * 64 * 2 < 2^15).
"""
import pathlib
import platform

import numpy as np

VNNI = {"avx512_vnni", "avx_vnni", "amx_int8"}


def exact() -> bool:
    if platform.machine() != "x86_64":
        return True
    return bool(VNNI & set(pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split()))


SIGNED = (-128, 127) if exact() else (-64, 63)


def byte_range(dtype) -> tuple:
    """Least and most value of operands of the type."""
    info = np.iinfo(dtype)
    return SIGNED if np.dtype(dtype) == np.int8 else (info.min, info.max)
