# SPDX-License-Identifier: Apache-2.0
"""Operators from plugin libraries."""
import os

from . import _core


def load_plugin(path: str | os.PathLike[str]) -> None:
    """Loads a plugin library (see ingot/plugin.h).

    Its operators are known to all models and plans that are read afterwards. A bare file name is looked up in the
    folders of the environment variable INGOT_PLUGIN_PATH. Loading a library again does nothing.
    """
    _core.load_plugin(os.fspath(path))
