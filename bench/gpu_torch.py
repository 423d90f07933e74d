# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of a GPU ask of PyTorch."""

SKIPPED = 77  # exit code


def why_not() -> str:
    """Why PyTorch cannot be measured here; empty: it can."""
    try:
        import torch
        import torchvision  # noqa: F401
    except ImportError as error:
        return str(error)
    return "" if torch.cuda.is_available() else "PyTorch sees no GPU"


def replay_times(graph, replays: int) -> list:
    """Microseconds of each replay of a captured torch.cuda.CUDAGraph, by events around it."""
    import torch

    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    times = []
    for _ in range(replays):
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(1000 * begin.elapsed_time(end))
    return times
