# SPDX-License-Identifier: Apache-2.0
"""The operators of ai.onnx.ml, one at a time, against ONNX Runtime."""
import itertools

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
pytest.importorskip("ml_dtypes", reason="the package ml_dtypes is not installed")
pytest.importorskip("ingot", reason="the Python module is not installed")

import ingot
import onnx
from onnx import helper

from ort_cases import Case, check, make_model, op, random

ML = "ai.onnx.ml::"
F32, F64, I64, I32 = np.float32, np.float64, np.int64, np.int32
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]


def case(name, kind, inputs, outputs="y", terms=8, atol=1e-6, version=3, spelt_out=None, **attributes):
    """`terms` and `atol` allow for sums in single precision."""
    return pytest.param(Case([op(ML + kind, list(inputs), outputs, **attributes)], inputs, outputs.split(","),
                             terms=terms, atol=atol, versions={"ai.onnx.ml": version}, spelt_out=spelt_out), id=name)


def normal(r, *shape, dtype=F32):
    return r.standard_normal(shape).astype(dtype)


def scaling():
    r = random(1)
    for dtype in (F32, F64, I64, I32):
        x = np.round(3 * r.standard_normal((4, 3))).astype(dtype)
        name = np.dtype(dtype).name
        for threshold in (0.0, 0.5, -1.0):
            # ONNX Runtime has Binarizer for f32 alone
            if dtype == F32:
                yield case(f"Binarizer-{name}-{threshold}", "Binarizer", {"x": x}, threshold=threshold)
        yield case(f"Scaler-{name}", "Scaler", {"x": x}, offset=[0.5, -1.0, 2.0], scale=[2.0, 0.25, -3.0])
        yield case(f"Scaler-one-{name}", "Scaler", {"x": x}, offset=[0.5], scale=[2.0])
        for norm in ("MAX", "L1", "L2"):
            y = x.copy()
            y[1] = 0
            yield case(f"Normalizer-{norm}-{name}", "Normalizer", {"x": y}, norm=norm)
    with_nan = normal(r, 3, 4)
    with_nan[0, 1] = with_nan[2, 3] = np.nan
    yield case("Imputer-nan", "Imputer", {"x": with_nan}, imputed_value_floats=[1.0, 2.0, 3.0, 4.0],
               replaced_value_float=float("nan"))
    yield case("Imputer-one", "Imputer", {"x": np.round(with_nan)}, imputed_value_floats=[7.5],
               replaced_value_float=0.0)
    yield case("Imputer-int", "Imputer", {"x": r.integers(0, 3, (3, 4))}, imputed_value_int64s=[7, 8, 9, 10],
               replaced_value_int64=1)


def encoders():
    r = random(2)
    words = np.array([["cat", "dog"], ["", "bird"], ["Cat", "dog"]], dtype=object)
    pools = {"strings": ["cat", "dog", "bird"], "int64s": [5, -3, 7], "floats": [0.5, -1.5, float("nan")]}
    data = {"strings": words, "int64s": np.array([[5, 7], [1, -3]]),
            "floats": np.array([[0.5, np.nan], [1.0, -1.5]], F32)}
    defaults = {"strings": {"default_string": "none"}, "int64s": {"default_int64": 42}, "floats": {"default_float": 2.5}}
    have = [("strings", "strings"), ("strings", "int64s"), ("strings", "floats"), ("int64s", "strings"),
            ("int64s", "int64s"), ("int64s", "floats"), ("floats", "strings"), ("floats", "int64s"),
            ("floats", "floats")]
    for (keys, values), given in itertools.product(have, [0, 1]):
        attributes = {f"keys_{keys}": pools[keys], f"values_{values}": pools[values][::-1]}
        yield case(f"LabelEncoder-{keys}-{values}-{given}", "LabelEncoder", {"x": data[keys]}, version=2,
                   **attributes, **(defaults[values] if given else {}))
    yield case("LabelEncoder-1-names", "LabelEncoder", {"x": words}, version=1, classes_strings=["dog", "cat"],
               default_int64=9)
    yield case("LabelEncoder-1-numbers", "LabelEncoder", {"x": np.array([1, 0, 2])}, version=1,
               classes_strings=["dog", "cat"], default_string="?")
    for dtype in (F64, I64):
        yield case(f"LabelEncoder-4-{np.dtype(dtype).name}", "LabelEncoder", {"x": np.array([2, 3, 9], dtype)}, version=4,
                   keys_tensor=onnx.numpy_helper.from_array(np.array([2, 9], dtype)),
                   values_tensor=onnx.numpy_helper.from_array(np.array([1.5, 3.5], F64) if dtype == F64
                                                              else np.array([4, 5], I64)),
                   default_tensor=onnx.numpy_helper.from_array(np.array([-1], dtype)))
    yield case("CategoryMapper-names", "CategoryMapper", {"x": words}, cats_strings=["cat", "dog"],
               cats_int64s=[10, 20], default_int64=-5)
    yield case("CategoryMapper-numbers", "CategoryMapper", {"x": np.array([[10, 3], [20, 10]])},
               cats_strings=["cat", "dog"], cats_int64s=[10, 20], default_string="other")
    for dtype in (I64, F32, F64):  # ONNX Runtime has no kernel for i32
        yield case(f"OneHotEncoder-{np.dtype(dtype).name}", "OneHotEncoder",
                   {"x": r.integers(0, 4, (3, 2)).astype(dtype)}, cats_int64s=[0, 2, 3], zeros=1)
    yield case("OneHotEncoder-names", "OneHotEncoder", {"x": words}, cats_strings=["dog", "cat"], zeros=1)
    for dtype in (F32, F64, I64, I32):
        x = r.integers(-9, 9, (3, 5)).astype(dtype)
        yield case(f"ArrayFeatureExtractor-{np.dtype(dtype).name}", "ArrayFeatureExtractor",
                   {"x": x, "i": np.array([4, 0, 0])})
    yield case("ArrayFeatureExtractor-vector", "ArrayFeatureExtractor", {"x": normal(r, 5), "i": np.array([[1, 3]])})
    yield case("ArrayFeatureExtractor-names", "ArrayFeatureExtractor", {"x": words, "i": np.array([1])})
    yield case("FeatureVectorizer", "FeatureVectorizer", {"a": normal(r, 3, 2), "b": normal(r, 3, 1)},
               inputdimensions=[2, 1])
    yield case("FeatureVectorizer-int", "FeatureVectorizer", {"a": r.integers(0, 9, (3, 2)), "b": r.integers(0, 9, (3, 4))},
               inputdimensions=[2, 4])


def linear():
    for i, (transform, dtype) in enumerate(itertools.product(TRANSFORMS, [F32, I64])):
        r = random(i)
        x = (3 * r.standard_normal((6, 4))).astype(dtype)
        scale = 0.05 if transform == "PROBIT" else 1.0  # of what must be probabilities there
        # The formula that stands for PROBIT takes the root of a difference, which near 1/2 is all rounding.
        atol = 1e-3 if transform == "PROBIT" else 2e-5
        name = f"{transform}-{np.dtype(dtype).name}"
        if dtype == F32:
            yield case(f"LinearRegressor-{name}", "LinearRegressor", {"x": np.abs(x)}, targets=2, post_transform=transform,
                       coefficients=(scale * np.abs(r.standard_normal(8))).tolist(), intercepts=[0.1, 0.2], atol=atol)
        for classes in (2, 3):
            labels = {"classlabels_ints": list(range(5, 5 + classes))} if classes == 2 else {
                "classlabels_strings": ["a", "b", "c"]}
            yield case(f"LinearClassifier-{classes}-{name}", "LinearClassifier", {"x": np.abs(x)}, "y,z",
                       coefficients=(scale * np.abs(r.standard_normal(4 * classes))).tolist(),
                       intercepts=(scale * r.random(classes)).tolist(), post_transform=transform, atol=atol, **labels)
        if transform in ("NONE", "LOGISTIC"):
            yield case(f"LinearClassifier-one-{name}", "LinearClassifier", {"x": x}, "y,z", classlabels_ints=[0, 1],
                       coefficients=r.standard_normal(4).tolist(), intercepts=[0.1], post_transform=transform)


def svm():
    for i, (kernel, classes, probabilities) in enumerate(itertools.product(["LINEAR", "POLY", "RBF", "SIGMOID"], [2, 4],
                                                                           [0, 1])):
        r = random(i)
        per_class = [3, 2, 4, 2][:classes]
        vectors, pairs = sum(per_class), classes * (classes - 1) // 2
        attributes = dict(kernel_type=kernel, kernel_params=[0.3, 0.5, 3.0 if kernel == "POLY" else 0.0],
                          support_vectors=r.standard_normal(vectors * 5).tolist(), vectors_per_class=per_class,
                          coefficients=r.standard_normal(vectors * (classes - 1)).tolist(),
                          rho=r.standard_normal(pairs).tolist())
        if probabilities:
            attributes |= dict(prob_a=(-1 - r.random(pairs)).tolist(), prob_b=r.standard_normal(pairs).tolist())
        # The iteration for probabilities stops when they are near enough.
        yield case(f"SVMClassifier-{kernel}-{classes}-{probabilities}", "SVMClassifier", {"x": normal(r, 7, 5)}, "y,z",
                   terms=40, atol=5e-3 if probabilities else 1e-5, classlabels_ints=list(range(classes)), **attributes)
        if not probabilities and classes == 2:
            for one_class in (0, 1):
                yield case(f"SVMRegressor-{kernel}-{one_class}", "SVMRegressor", {"x": normal(r, 7, 5)}, terms=40, atol=1e-5,
                           kernel_type=kernel, kernel_params=attributes["kernel_params"], n_supports=vectors,
                           support_vectors=attributes["support_vectors"], rho=[0.3], one_class=one_class,
                           coefficients=r.standard_normal(vectors).tolist())
    r = random(50)
    yield case("SVMRegressor-no-vectors", "SVMRegressor", {"x": normal(r, 7, 5)}, kernel_type="LINEAR",
               kernel_params=[0.0, 0.0, 0.0], n_supports=0, rho=[0.3], coefficients=r.standard_normal(5).tolist())
    yield case("SVMClassifier-no-vectors", "SVMClassifier", {"x": normal(r, 7, 5)}, "y,z", kernel_type="LINEAR",
               kernel_params=[0.0, 0.0, 0.0], rho=[0.3, 0.1, 0.2], coefficients=r.standard_normal(15).tolist(),
               classlabels_ints=[1, 2, 3])


def grow(r, trees, depth, features, modes, missing=False):
    """Attributes nodes_* of random trees, and their leaves as (tree, node)."""
    columns = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
                                     "missing_value_tracks_true")}
    leaves = []
    for tree in range(trees):
        count = 0

        def add(level):
            nonlocal count
            node, count = count, count + 1
            leaf = level == depth or (level > 0 and r.random() < 0.2)
            row = len(columns["nodeids"])
            for name, value in [("treeids", tree), ("nodeids", node), ("featureids", int(r.integers(features))),
                                ("values", float(np.round(r.standard_normal(), 1))),
                                ("modes", "LEAF" if leaf else str(r.choice(modes))), ("truenodeids", 0),
                                ("falsenodeids", 0), ("missing_value_tracks_true", int(missing and r.random() < 0.5))]:
                columns[name].append(value)
            if leaf:
                leaves.append((tree, node))
            else:
                columns["truenodeids"][row] = add(level + 1)
                columns["falsenodeids"][row] = add(level + 1)
            return node

        add(0)
    attributes = {"nodes_" + name: values for name, values in columns.items()}
    if not missing:
        del attributes["nodes_missing_value_tracks_true"]
    return attributes, leaves


ALL_MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def trees():
    for i, (aggregate, targets, modes, missing, dtype) in enumerate([
            ("SUM", 1, ["BRANCH_LEQ"], 0, F32), ("AVERAGE", 1, ["BRANCH_LEQ"], 0, F32), ("MIN", 1, ["BRANCH_LT"], 0, F32),
            ("MAX", 1, ["BRANCH_GT"], 0, F32), ("SUM", 3, ALL_MODES, 0, F32), ("AVERAGE", 3, ["BRANCH_GTE"], 1, F32),
            ("SUM", 1, ["BRANCH_LEQ"], 1, F32), ("SUM", 2, ["BRANCH_LEQ"], 0, F64), ("SUM", 1, ["BRANCH_EQ"], 0, F32)]):
        for base in (0, 1):
            r = random(i)
            nodes, leaves = grow(r, 7, 4, 5, modes, bool(missing))
            x = np.round(r.standard_normal((23, 5)), 1).astype(dtype)
            if missing:
                x[r.random(x.shape) < 0.2] = np.nan
            attributes = dict(n_targets=targets, aggregate_function=aggregate,
                              target_treeids=[t for t, _ in leaves for _ in range(targets)],
                              target_nodeids=[n for _, n in leaves for _ in range(targets)],
                              target_ids=[k for _ in leaves for k in range(targets)],
                              target_weights=r.standard_normal(len(leaves) * targets).astype(F32).tolist())
            if base:
                attributes["base_values"] = r.standard_normal(targets).astype(F32).tolist()
            yield case(f"Regressor-{i}-{base}", "TreeEnsembleRegressor", {"x": x}, terms=10, **nodes, **attributes)
    for i, (classes, per_leaf, positive, transform, names) in enumerate([
            (2, 1, 1, "NONE", 0), (2, 1, 0, "NONE", 0), (2, 1, 0, "LOGISTIC", 1), (3, 3, 1, "NONE", 0),
            (3, 3, 0, "SOFTMAX", 1), (3, 1, 0, "SOFTMAX", 0), (2, 1, 1, "LOGISTIC", 0), (4, 4, 1, "LOGISTIC", 0),
            (3, 3, 0, "SOFTMAX_ZERO", 0), (2, 1, 1, "NONE", 1), (2, 1, 1, "LOGISTIC", 0), (2, 1, 0, "NONE", 0),
            (2, 1, 0, "LOGISTIC", 0), (2, 1, 0, "SOFTMAX", 0)]):
        r = random(100 + i)
        nodes, leaves = grow(r, 6, 4, 5, ["BRANCH_LEQ"])
        weights = r.standard_normal(len(leaves) * per_leaf)
        weights = np.abs(weights) / 20 if positive else weights
        # With one class a leaf, every tree is of one class.
        ids = [k if per_leaf > 1 else (i % 2 if classes == 2 else tree % classes) for tree, _ in leaves
               for k in range(per_leaf)]
        attributes = dict(class_treeids=[t for t, _ in leaves for _ in range(per_leaf)],
                          class_nodeids=[n for _, n in leaves for _ in range(per_leaf)], class_ids=ids,
                          class_weights=weights.astype(F32).tolist(), post_transform=transform)
        attributes |= {"classlabels_strings": [f"c{k}" for k in range(classes)]} if names else {
            "classlabels_int64s": [10 * k for k in range(classes)]}
        yield case(f"Classifier-{i}", "TreeEnsembleClassifier", {"x": np.round(normal(r, 23, 5), 1)}, "y,z", terms=10,
                   atol=1e-5, **nodes, **attributes)


def flat_trees():
    tensor = onnx.numpy_helper.from_array
    for i, (aggregate, transform, dtype) in enumerate([(1, 0, F32), (0, 0, F32), (2, 0, F64), (3, 0, F32), (1, 1, F32),
                                                       (1, 2, F64)]):
        r = random(i)
        # Two trees: one of all comparisons with members at the end, one of a single node.
        members = np.array([1.0, 5.0, np.nan, 10.0, -2.0, 3.0, np.nan], dtype)
        attributes = dict(
            n_targets=2, aggregate_function=aggregate, post_transform=transform,
            nodes_splits=tensor(np.array([1.0, -2.0, 0.0, 0.0, 4.0], dtype)),
            nodes_featureids=[0, 2, 1, 2, 1], nodes_modes=tensor(np.array([0, 3, 6, 6, 1], np.uint8)),
            nodes_truenodeids=[1, 0, 2, 4, 6], nodes_trueleafs=[0, 1, 1, 1, 1],
            nodes_falsenodeids=[2, 1, 3, 5, 7], nodes_falseleafs=[0, 1, 0, 1, 1],
            leaf_targetids=[0, 1, 0, 1, 1, 0, 1, 0], tree_roots=[0, 4], membership_values=tensor(members),
            leaf_weights=tensor(r.standard_normal(8).astype(dtype)))
        x = r.choice(np.array([1.0, 5.0, 10.0, -2.0, 3.0, -10.0], dtype), (31, 3))
        # ONNX Runtime has the numbers of softmax and logistic the other way round than the specification.
        swapped = {**attributes, "post_transform": {1: 2, 2: 1}.get(transform, transform)}
        yield case(str(i), "TreeEnsemble", {"x": x}, version=5, spelt_out=[op(ML + "TreeEnsemble", "x", "y", **swapped)],
                   **attributes)


@pytest.mark.parametrize("case", list(scaling()))
def test_scaling(case):
    check(case)


@pytest.mark.parametrize("case", list(encoders()))
def test_encoders(case):
    check(case)


@pytest.mark.parametrize("case", list(linear()))
def test_linear(case):
    check(case)


@pytest.mark.parametrize("case", list(svm()))
def test_support_vectors(case):
    check(case)


@pytest.mark.parametrize("case", list(trees()))
def test_trees(case):
    check(case)


@pytest.mark.parametrize("case", list(flat_trees()))
def test_flat_trees(case):
    check(case)


def test_trees_of_scikit_learn():
    """A real forest, written as converters write it."""
    sklearn = pytest.importorskip("sklearn.ensemble")
    r = random(3)
    x, y = normal(r, 200, 6), r.integers(0, 3, 200)
    forest = sklearn.RandomForestClassifier(20, max_depth=6, random_state=1).fit(x, y)
    nodes = {key: [] for key in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")}
    classes = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for number, estimator in enumerate(forest.estimators_):
        tree = estimator.tree_
        for node in range(tree.node_count):
            leaf = tree.children_left[node] < 0
            for key, value in [("treeids", number), ("nodeids", node), ("featureids", max(tree.feature[node], 0)),
                               ("values", tree.threshold[node]), ("modes", "LEAF" if leaf else "BRANCH_LEQ"),
                               ("truenodeids", max(tree.children_left[node], 0)),
                               ("falsenodeids", max(tree.children_right[node], 0))]:
                nodes[key].append(value)
            if leaf:
                share = tree.value[node, 0] / tree.value[node, 0].sum() / len(forest.estimators_)
                for k, weight in enumerate(share):
                    for key, value in [("treeids", number), ("nodeids", node), ("ids", k), ("weights", weight)]:
                        classes[key].append(value)
    attributes = {"nodes_" + key: values for key, values in nodes.items()}
    attributes |= {"class_" + key: values for key, values in classes.items()}
    wanted = [forest.predict(x).astype(I64), forest.predict_proba(x).astype(F32)]
    check(Case([op(ML + "TreeEnsembleClassifier", "x", "y,z", classlabels_int64s=[0, 1, 2], **attributes)], {"x": x},
               ["y", "z"], terms=20, atol=1e-6), expected=wanted)


def test_a_tree_with_a_cycle_is_refused():
    attributes = dict(nodes_treeids=[0, 0], nodes_nodeids=[0, 1], nodes_featureids=[0, 0], nodes_values=[0.0, 0.0],
                      nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ"], nodes_truenodeids=[1, 0], nodes_falsenodeids=[1, 0],
                      target_treeids=[0], target_nodeids=[1], target_ids=[0], target_weights=[1.0])
    cyclic = Case([op(ML + "TreeEnsembleRegressor", "x", "y", n_targets=1, **attributes)], {"x": np.zeros((1, 2), F32)},
                  ["y"])
    with pytest.raises(ingot.errors.InvalidArgument, match="ancestor|no leaf"):
        ingot.build(make_model(cyclic, True).SerializeToString())
