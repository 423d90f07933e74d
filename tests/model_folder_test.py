# SPDX-License-Identifier: Apache-2.0
"""How detections are compared: not by place, and in half precision not where roundings decide between two."""
import numpy as np
import pytest

import model_folder

NAME = "tv_retinanet_resnet50_fpn"
BOXES, SCORES, LABELS = model_folder.DETECTIONS[NAME]
ALLOWED = 0.01  # of the rms


@pytest.fixture
def expected() -> dict:
    """Forty boxes, far apart, in the order of their scores."""
    corner = np.stack(np.meshgrid(np.arange(8) * 60.0, np.arange(5) * 60.0), axis=-1).reshape(-1, 2)
    return {BOXES: np.concatenate([corner, corner + [40, 30]], axis=1).astype(np.float32),
            SCORES: np.linspace(0.9, 0.5, 40, dtype=np.float32), LABELS: np.arange(40) % 3}


def worst(ours: dict, theirs: dict, allowed: float = ALLOWED) -> tuple:
    """(the largest error, how many were left out)."""
    a, b = model_folder.settled_detections(NAME, model_folder.match_detections(NAME, ours, theirs), theirs, allowed)
    return max(model_folder.relative_error(a[key], b[key]) for key in a), len(theirs[SCORES]) - len(b[SCORES])


def with_row(side: dict, row: int, **changed) -> dict:
    out = {key: value.copy() for key, value in side.items()}
    for key, value in changed.items():
        out[{"box": BOXES, "score": SCORES, "label": LABELS}[key]][row] = value
    return out


def test_places_do_not_matter(expected):
    order = np.random.default_rng(1).permutation(40)
    assert worst({key: value[order] for key, value in expected.items()}, expected) == (0, 0)


def test_the_nearest_are_paired_first(expected):
    """The first of two neighbours has no counterpart; it must not take the other's."""
    theirs = with_row(expected, 20, box=expected[BOXES][10] + 3, label=expected[LABELS][10], score=0.79)
    ours = with_row(theirs, 10, box=[700, 700, 740, 730])
    matched = model_folder.match_detections(NAME, ours, theirs)
    np.testing.assert_array_equal(matched[BOXES][20], theirs[BOXES][20])


def test_one_of_two_that_suppress_each_other(expected):
    rival = expected[BOXES][10] + [8, 0, 8, 0]  # IoU 2/3
    error, left_out = worst(with_row(expected, 10, box=rival), expected)
    assert (error, left_out) == (0, 1)


def test_the_end_of_the_list(expected):
    error, left_out = worst(with_row(expected, 39, box=[700, 0, 740, 30], score=0.501), expected)
    assert (error, left_out) == (0, 1)


@pytest.mark.parametrize("changed", [
    {"box": [700, 0, 740, 30]},  # elsewhere
    {"score": 0.7},              # by 0.1
    {"label": 5},
    {"box": [120, 60, 160, 65]},  # too small to suppress the right one
])
def test_what_is_wrong_stays_wrong(expected, changed):
    assert worst(with_row(expected, 10, **changed), expected)[0] > ALLOWED


def test_only_a_few_may_be_undecided(expected):
    """All boxes a fifth of their width off: each has the right one for its rival."""
    error, left_out = worst({**expected, BOXES: expected[BOXES] + np.float32([8, 0, 8, 0])}, expected)
    assert error > ALLOWED and left_out == 0


def test_another_count_is_an_error(expected):
    ours = {key: value[:39] for key, value in expected.items()}
    assert worst(ours, expected)[0] == np.inf


@pytest.mark.filterwarnings("error")
def test_no_detections_at_all(expected):
    nothing = {key: value[:0] for key, value in expected.items()}
    assert worst(nothing, nothing) == (0, 0)
