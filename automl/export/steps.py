"""Plain counterparts of the steps before the model; steps without a counterpart are copied into the script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from automl.export import parts
from automl.export.code import Raw, Script, call_code, list_code, make_pipeline_code, quote
from pipelines.component import LARGEST
from pipelines.steps import generation, preprocessing
from pipelines.steps.combined_features import CombinedFeatures
from pipelines.steps.encoders import FrequencyEncoder
from pipelines.steps.selection import CorrelationFilter
from pipelines.table.reader import TableReader

_JOIN_PAIRS = '''def join_pairs(table):
    """Join the codes of pairs of category columns; see PAIRS."""
    texts = table.astype("string").fillna("missing")
    return pd.concat([texts[a] + " & " + texts[b] for a, b in PAIRS], axis=1).astype(object)
'''


def step_code(step: Any, script: Script, categories: Sequence[str]) -> str:
    """Return the code of a step; one that is not known here must be scikit-learn's own.

    Parameters
    ----------
    categories : sequence of str
        Names of the category columns, which are texts in the script.
    """
    return make_pipeline_code(script, _parts(step, script, categories))


def _parts(step: Any, script: Script, categories: Sequence[str]) -> list[str]:
    """Return the code of the steps that stand for a step, one after the other."""
    if isinstance(step, str):
        return [quote(step)]
    if isinstance(step, Pipeline):
        return [part for _, item in step.steps for part in _parts(item, script, categories)]
    convert = _CONVERTERS.get(type(step).__name__)
    code = script.plain(step) if convert is None else convert(step, script, categories)
    return [code] if isinstance(code, str) else code


def _clip(limit: float, script: Script) -> str:
    """Return the code of a step that clips numbers to a largest absolute value."""
    script.imports.add("import numpy as np")
    limits = Raw(f'{{"a_min": {-limit!r}, "a_max": {limit!r}}}')
    return script.call("sklearn.preprocessing", "FunctionTransformer", "np.clip", kw_args=limits)


def _function(step: Any, script: Script, categories: Sequence[str]) -> str:
    return _clip(LARGEST, script) if step.func is preprocessing.clip_numbers else script.plain(step)


def category_codes(reader: TableReader, categories: Sequence[str], script: Script) -> str:
    """Return the code of the step that replaces the texts of categories by codes, for a fitted `TableReader`."""
    readers = {column.positions[0]: column.reader for column in reader.columns_ if column.positions}
    orders = []
    for name, position in zip(categories, reader.categorical_, strict=True):
        levels = list(readers[position].levels)
        usual = parts.CategoryCodes([name], max_categories=len(levels)).fit(pd.DataFrame({name: levels}))
        if levels != list(usual.levels_[name]):
            orders.append(f"{quote(name)}: {script.value(levels)}")
    arguments = ["CATEGORIES"]
    if orders:
        arguments.append(f"{{{', '.join(orders)}}}")
    if any(readers[position].grouped for position in reader.categorical_):
        arguments.append(f"max_categories={reader.max_categories}")
    return call_code(script.copy(parts.CategoryCodes), arguments)


def _code_encoder(step: Any, script: Script, categories: Sequence[str]) -> str:
    if step.keep_missing:
        return quote("passthrough")
    return script.call("sklearn.impute", "SimpleImputer", strategy="constant", fill_value=-1, keep_empty_features=True)


def _target_encoder(step: Any, script: Script, categories: Sequence[str]) -> str:
    kind = "StratifiedKFold" if step.classification else "KFold"
    seed = int(step.random_state)
    folds = script.call("sklearn.model_selection", kind, str(step.n_splits), shuffle=True, random_state=seed)
    return script.call(
        "sklearn.preprocessing",
        "TargetEncoder",
        smooth=float(step.smooth),
        target_type=None if step.classification else "continuous",
        cv=Raw(folds),
    )


def _frequency_encoder(step: Any, script: Script, categories: Sequence[str]) -> str:
    return f"{script.copy(FrequencyEncoder)}()"


def _pairs(step: Any, script: Script, categories: Sequence[str]) -> str:
    pairs = [(categories[i], categories[j]) for i, j in step.pairs_]
    script.imports.add("import pandas as pd")
    script.define("PAIRS", f"PAIRS = {list_code([script.value(pair) for pair in pairs])}\n")
    script.define("join_pairs", _JOIN_PAIRS)
    return script.call("sklearn.preprocessing", "FunctionTransformer", "join_pairs")


def _constant_keeper(script: Script) -> str:
    return f"{script.copy(parts.ConstantKeeper)}()"


def _scaler(step: Any, script: Script, categories: Sequence[str]) -> list[str]:
    """Return the code of a scaler that keeps constant columns, as two steps."""
    return [_constant_keeper(script), script.plain(step)]


def _standard(script: Script) -> list[str]:
    return [_constant_keeper(script), script.call("sklearn.preprocessing", "StandardScaler")]


def _robust_clip(step: Any, script: Script, categories: Sequence[str]) -> str:
    return f"{script.copy(parts.RobustClipScaler)}()"


def _offsets(step: Any, script: Script, categories: Sequence[str]) -> str:
    return f"{script.copy(preprocessing.OffsetRemover)}()"


def _power(step: Any, script: Script, categories: Sequence[str]) -> str:
    return f"{script.copy(preprocessing.SafePowerTransformer)}()"


def _arithmetic(step: Any, script: Script, categories: Sequence[str]) -> str:
    given = [f"{name}={script.value(value)}" for name, value in step.get_params(deep=False).items()]
    return call_code(script.copy(generation.ArithmeticFeatures), given)


def _combined(step: Any, script: Script, categories: Sequence[str]) -> str:
    given = {"n_new": step.n_new, "classification": step.classification, "target_means": step.target_means}
    positions = ["range(len(CATEGORIES))"] if categories else []
    return call_code(
        script.copy(CombinedFeatures), [*positions, *(f"{name}={value!r}" for name, value in given.items())]
    )


def _pca(step: Any, script: Script, categories: Sequence[str]) -> list[str]:
    whiten = True if step.whiten else None
    pca = script.call("sklearn.decomposition", "PCA", str(step.n_components_), whiten=whiten, random_state=0)
    return [*_standard(script), pca, _clip(LARGEST, script)]


def _nystroem(step: Any, script: Script, categories: Sequence[str]) -> str:
    gamma, n = float(step.kernel_.gamma), step.kernel_.n_components
    kernel = script.call("sklearn.kernel_approximation", "Nystroem", gamma=gamma, n_components=n, random_state=0)
    both = [quote("passthrough"), make_pipeline_code(script, [*_standard(script), _clip(1e6, script), kernel])]
    return call_code(script.use("sklearn.pipeline", "make_union"), both)


def _agglomeration(step: Any, script: Script, categories: Sequence[str]) -> list[str]:
    before = _standard(script)
    if hasattr(step, "groups_"):
        before.append(script.call("sklearn.cluster", "FeatureAgglomeration", n_clusters=step.groups_.n_clusters))
    return [*before, _clip(LARGEST, script)]


def _selector(step: Any, script: Script, categories: Sequence[str]) -> str:
    kept = int(step.mask_.sum())
    if step.score == "trees":
        kind = "ExtraTreesClassifier" if step.classification else "ExtraTreesRegressor"
        forest = script.call(
            "sklearn.ensemble", kind, n_estimators=50, min_samples_leaf=3, max_features=0.5, random_state=0
        )
        script.imports.add("import numpy as np")
        return script.call(
            "sklearn.feature_selection", "SelectFromModel", forest, max_features=kept, threshold=Raw("-np.inf")
        )
    task = "classif" if step.classification else "regression"
    score = {"f_test": f"f_{task}", "mutual_info": f"mutual_info_{task}", "variance": "variation"}[step.score]
    if step.score == "variance":
        script.copy(parts.variation)
    else:
        script.use("sklearn.feature_selection", score)
    return script.call("sklearn.feature_selection", "SelectKBest", score, k=kept)


def _correlation(step: Any, script: Script, categories: Sequence[str]) -> str:
    return f"{script.copy(CorrelationFilter)}({float(step.threshold)!r})"


def _one_hot(step: Any, script: Script, categories: Sequence[str]) -> str:
    return script.plain(step, min_frequency=None if step.min_frequency == 1 else step.min_frequency)


_CONVERTERS: dict[str, Callable[[Any, Script, Sequence[str]], str | list[str]]] = {
    "CodeEncoder": _code_encoder,
    "TargetMeanEncoder": _target_encoder,
    "FrequencyEncoder": _frequency_encoder,
    "CategoryPairs": _pairs,
    "ConstantKeeper": lambda step, script, categories: _constant_keeper(script),
    "FunctionTransformer": _function,
    "OffsetRemover": _offsets,
    **dict.fromkeys(("SafeScaler", "SafeMaxAbsScaler", "SafeQuantileTransformer", "QuartileScaler"), _scaler),
    "RobustClipScaler": _robust_clip,
    "SafePowerTransformer": _power,
    "ArithmeticFeatures": _arithmetic,
    "CombinedFeatures": _combined,
    "BoundedPCA": _pca,
    "BoundedNystroem": _nystroem,
    "BoundedAgglomeration": _agglomeration,
    "ScoreSelector": _selector,
    "CorrelationFilter": _correlation,
    "OneHotEncoder": _one_hot,
}
