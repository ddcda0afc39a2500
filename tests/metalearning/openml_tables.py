"""Tables whose OpenML qualities are publicly known, and these qualities."""

from __future__ import annotations

import gzip
import json
import os
from importlib.resources import files
from pathlib import Path

import arff
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from pipelines.table.reader import TableReader

# Of OpenML's data set 61, from https://www.openml.org/api/v1/json/data/qualities/61; what OpenML leaves empty is not
# here, nor are the landmarks whose options were lost (see `metalearning.landmarks`).
IRIS = {
    "AutoCorrelation": 0.9865771812080537,
    "ClassEntropy": 1.584962500721156,
    "Dimensionality": 0.03333333333333333,
    "MajorityClassPercentage": 33.33333333333333,
    "MajorityClassSize": 50.0,
    "MaxKurtosisOfNumericAtts": 0.2907810623654319,
    "MaxMeansOfNumericAtts": 5.843333333333334,
    "MaxNominalAttDistinctValues": 3.0,
    "MaxSkewnessOfNumericAtts": 0.33405266217208907,
    "MaxStdDevOfNumericAtts": 1.7644204199522626,
    "MeanKurtosisOfNumericAtts": -0.7507394876837399,
    "MeanMeansOfNumericAtts": 3.4636666666666667,
    "MeanNominalAttDistinctValues": 3.0,
    "MeanSkewnessOfNumericAtts": 0.067375701047788,
    "MeanStdDevOfNumericAtts": 0.9473104002482851,
    "MinKurtosisOfNumericAtts": -1.401920800645399,
    "MinMeansOfNumericAtts": 1.1986666666666665,
    "MinNominalAttDistinctValues": 3.0,
    "MinSkewnessOfNumericAtts": -0.2744642524737837,
    "MinStdDevOfNumericAtts": 0.43359431136217386,
    "MinorityClassPercentage": 33.33333333333333,
    "MinorityClassSize": 50.0,
    "NumberOfBinaryFeatures": 0.0,
    "NumberOfClasses": 3.0,
    "NumberOfFeatures": 5.0,
    "NumberOfInstances": 150.0,
    "NumberOfInstancesWithMissingValues": 0.0,
    "NumberOfMissingValues": 0.0,
    "NumberOfNumericFeatures": 4.0,
    "NumberOfSymbolicFeatures": 1.0,
    "PercentageOfBinaryFeatures": 0.0,
    "PercentageOfInstancesWithMissingValues": 0.0,
    "PercentageOfMissingValues": 0.0,
    "PercentageOfNumericFeatures": 80.0,
    "PercentageOfSymbolicFeatures": 20.0,
    "Quartile1KurtosisOfNumericAtts": -1.3863791432688857,
    "Quartile1MeansOfNumericAtts": 1.6624999999999999,
    "Quartile1SkewnessOfNumericAtts": -0.2320973298913695,
    "Quartile1StdDevOfNumericAtts": 0.5159859189468406,
    "Quartile2KurtosisOfNumericAtts": -0.9459091062274964,
    "Quartile2MeansOfNumericAtts": 3.406333333333333,
    "Quartile2SkewnessOfNumericAtts": 0.10495719724642329,
    "Quartile2StdDevOfNumericAtts": 0.795613434839352,
    "Quartile3KurtosisOfNumericAtts": 0.08006978644516216,
    "Quartile3MeansOfNumericAtts": 5.322166666666667,
    "Quartile3SkewnessOfNumericAtts": 0.32926723578831013,
    "Quartile3StdDevOfNumericAtts": 1.5303318469586626,
    "StdvNominalAttDistinctValues": 0.0,
    "DecisionStumpAUC": 0.8333333333333334,
    "DecisionStumpErrRate": 0.3333333333333333,
    "DecisionStumpKappa": 0.49999999999999994,
    "NaiveBayesAUC": 0.9932000000000001,
    "NaiveBayesErrRate": 0.03333333333333333,
    "NaiveBayesKappa": 0.9499999999999998,
    "kNN1NAUC": 0.9558,
    "kNN1NErrRate": 0.06,
    "kNN1NKappa": 0.9099999999999999,
}

# From feature_values.arff of the scenario OPENML-WEKA-2017 in https://github.com/coseal/aslib_data: tasks 2098, 2102,
# 1705 and 1710 of OpenML. Its moments are of an older definition than OpenML's today (biased), so they are not here.
ELSEWHERE = {
    "abalone": {
        "NumberOfInstances": 4177.0,
        "NumberOfFeatures": 9.0,
        "ClassEntropy": 3.602007147622906,
        "MeanAttributeEntropy": 1.5815100477524742,
        "MeanMutualInformation": 0.23398435498208,
        "EquivalentNumberOfAtts": 15.394222181644453,
        "MajorityClassSize": 689.0,
        "DecisionStumpErrRate": 0.7895618865214269,
        "NaiveBayesErrRate": 0.7699305721809911,
    },
    "balance_scale": {
        "NumberOfInstances": 625.0,
        "NumberOfFeatures": 5.0,
        "ClassEntropy": 1.318116246441582,
        "MajorityClassPercentage": 46.08,
        "DecisionStumpErrRate": 0.376,
        "NaiveBayesErrRate": 0.104,
    },
    "eucalyptus": {
        "NumberOfInstances": 736.0,
        "NumberOfFeatures": 20.0,
        "NumberOfMissingValues": 448.0,
        "NumberOfInstancesWithMissingValues": 95.0,
        "ClassEntropy": 2.262083620428274,
        "MeanAttributeEntropy": 3.4626363060529055,
        "MeanMutualInformation": 0.381241367214446,
        "DecisionStumpErrRate": 0.5054347826086957,
        "NaiveBayesErrRate": 0.45108695652173914,
    },
    "letter": {
        "NumberOfInstances": 20000.0,
        "NumberOfFeatures": 17.0,
        "ClassEntropy": 4.69981072657316,
        "MajorityClassSize": 813.0,
        "DecisionStumpErrRate": 0.9293,
        "NaiveBayesErrRate": 0.36025,
    },
}


def read(table, target, task):
    """Return X, y and traits of a data frame and its target, as `compute_metafeatures` takes them."""
    reader = TableReader().fit(table)
    if task == "regression":
        y, n_classes = np.asarray(target, dtype=float), 0
    else:
        classes, y = np.unique(np.asarray(target, dtype=str), return_inverse=True)
        n_classes = len(classes)
    return reader.transform(table), y, reader.traits(task, n_classes)


def iris():
    """Return OpenML's iris, which is UCI's; scikit-learn has corrected two of its rows."""
    X, y = load_iris(return_X_y=True)
    X[34, 3] = 0.1
    X[37] = 4.9, 3.1, 1.5, 0.1
    return read(pd.DataFrame(X), y, "multiclass")


def recorded(openml_id, target, task):
    """Return a table and its qualities from OpenML's answers that scikit-learn recorded for its own tests."""
    folder = files("sklearn.datasets.tests") / "data" / "openml" / f"id_{openml_id}"
    if not folder.is_dir():
        pytest.skip("this scikit-learn came without the tables of its own tests")
    answer = json.loads(gzip.decompress((folder / f"api-v1-jdq-{openml_id}.json.gz").read_bytes()))
    qualities = answer["data_qualities"]["quality"]
    known = {quality["name"]: float(quality["value"]) for quality in qualities if quality["value"] != []}
    (data,) = [file for file in folder.iterdir() if file.name.startswith("data-v1-dl")]
    content = arff.loads(gzip.decompress(data.read_bytes()).decode())
    kinds = dict(content["attributes"])
    table = pd.DataFrame(content["data"], columns=list(kinds))
    table = table.astype({name: "category" for name, kind in kinds.items() if isinstance(kind, list)})
    return *read(table.drop(columns=target), table[target], task), known


def elsewhere(name, task="multiclass"):
    """Return a table of the folder that the environment variable AUTOML_DATA names."""
    folder = os.environ.get("AUTOML_DATA")
    if not folder or not (Path(folder) / f"{name}.parquet").exists():
        pytest.skip("AUTOML_DATA names no folder with this table")
    table = pd.read_parquet(Path(folder) / f"{name}.parquet")
    return read(table.drop(columns="target"), table["target"], task)
