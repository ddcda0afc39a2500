"""The types and functions that an archive may name: all that a fitted pipeline of the catalog and its reader hold.

Nothing else is imported or called while an archive is read, unless the caller names it. The contract suites of
`automl.testing` check the list for every component: each is written, and read again without further trusted names.
A new component with a new type adds a line here. A type belongs to one of three lists, by how its objects are made:

- `TYPES`: ``kind.__new__(kind)``, then its attributes, or its own ``__setstate__``. No constructor is called.
- `BUILT`: the constructor with plain arguments, then ``__setstate__`` where there is a state: compiled types.
- `FUNCTIONS`: never called while an archive is read; a pipeline holds them and calls them to predict.
"""

from __future__ import annotations

from collections.abc import Mapping


def _names(modules: Mapping[str, str]) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module, names in modules.items() for name in names.split())


TYPES = _names(
    {
        "numpy": "float64 float32 int64 int32 uint8 bool",  # as values of a parameter `dtype`
        "pipelines.component": "TableTraits",
        "pipelines.labels": "LabelDecoder TargetsDecoder",
        "pipelines.models._boosting": "BoostedClassifier BoostedRegressor Boosting",
        "pipelines.models._forest": "TimedForestClassifier TimedForestRegressor",
        "pipelines.models._margins": "MarginClassifier",
        "pipelines.models._proportional_odds": "ProportionalOddsClassifier",
        "pipelines.models._quantile_forest": "QuantileForest",
        "pipelines.models._quantile_ridge": "QuantileRidge",
        "pipelines.models._quantiles": "QuantileModels",
        "pipelines.models._target": "StandardizedRegressor",
        "pipelines.models.bernoulli_nb": "WeightedBernoulliNB",
        "pipelines.models.catboost": "CatBoost",
        "pipelines.models.decision_tree": "MonotonicTreeClassifier MonotonicTreeRegressor WeightedTreeClassifier",
        "pipelines.models.extra_trees": (
            "MonotonicExtraTreesClassifier MonotonicExtraTreesRegressor WeightedExtraTreesClassifier"
        ),
        "pipelines.models.gaussian_nb": "_StableGaussianNB",
        "pipelines.models.gaussian_process": "GaussianProcessLabelClassifier TunedGaussianProcessRegressor",
        "pipelines.models.hist_gradient_boosting": "HistGradientBoosting",
        "pipelines.models.k_nearest_neighbors": (
            "JointNeighborsClassifier NeighborsClassifier NeighborsQuantiles NeighborsRegressor"
        ),
        "pipelines.models.kernel_svm": "_ScaledSVC _ScaledSVR",
        "pipelines.models.lda": "_UnweightedLDA",
        "pipelines.models.lightgbm": "LightGBM",
        "pipelines.models.logistic_regression": "WeightedLogisticRegression",
        "pipelines.models.qda": "RegularizedQDA",
        "pipelines.models.random_forest": (
            "MonotonicRandomForestClassifier MonotonicRandomForestRegressor WeightedRandomForestClassifier"
        ),
        "pipelines.models._kernel_ridge": "ExponentialKernel",
        "pipelines.models.recursive_feature_machine": (
            "Machine MachineSettings RecursiveFeatureMachineClassifier RecursiveFeatureMachineRegressor"
        ),
        "pipelines.models.sgd": "WeightedSGDClassifier",
        "pipelines.models.xgboost": "XGBoost",
        "pipelines.nets.architectures": "Inputs RealMLP ResNet TabM",
        "pipelines.nets.ordered": "OrderedNetClassifier",
        "pipelines.nets.estimator": (
            "JointNetClassifier JointNetRegressor NetClassifier NetRegressor NetSettings QuantileNetRegressor"
        ),
        "pipelines.nets.fleet": "TrainingConfig",
        "pipelines.steps.balancing": "BalancedClassifier",
        "pipelines.steps.calibration": "CalibratedClassifier",
        "pipelines.steps.candidates": "Arithmetic GroupStatistics TargetMeans",
        "pipelines.steps.class_numbers": "NumberClassifier",
        "pipelines.steps.cleaning": "CleanedClassifier",
        "pipelines.steps.threshold_models": "ThresholdClassifier",
        "pipelines.steps.combined_features": "CombinedFeatures",
        "pipelines.steps.encoders": "CodeEncoder FrequencyEncoder TargetMeanEncoder",
        "pipelines.steps.generation": (
            "ArithmeticFeatures BoundedAgglomeration BoundedNystroem BoundedPCA CategoryPairs"
        ),
        "pipelines.steps.multi_output": (
            "ChainedClassifiers ChainedRegressors ConstantClassifier IndependentClassifiers IndependentRegressors "
            "JointClassifier"
        ),
        "pipelines.steps.preprocessing": (
            "ConstantKeeper OffsetRemover QuartileScaler RobustClipScaler SafeMaxAbsScaler SafePowerTransformer "
            "SafeQuantileTransformer SafeScaler WeightedImputer"
        ),
        "pipelines.steps.selection": "CorrelationFilter ScoreSelector",
        "pipelines.steps.target": "TargetRegressor",
        "pipelines.targets": "TargetLayout",
        "pipelines.training_part": "TrainingPart",
        "pipelines.table.columns": "BooleanReader CategoryReader Column DateReader NumericReader TimeReader",
        "pipelines.table.date_texts": "DateFormat",
        "pipelines.table.number_texts": "NumberFormat",
        "pipelines.table.reader": "TableLayout TableReader",
        "pipelines.table.texts": "CharacterReader TextCategoryReader TextReader",
        "scipy.sparse._csr": "csr_matrix csr_array",
        "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogitLink LogLink MultinomialLogit",
        "sklearn._loss.loss": (
            "AbsoluteError HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss HalfSquaredError "
            "PinballLoss"
        ),
        "sklearn.calibration": ("CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration _TemperatureScaling"),
        "sklearn.cluster._agglomerative": "FeatureAgglomeration",
        "sklearn.compose._column_transformer": "ColumnTransformer",
        "sklearn.decomposition._pca": "PCA",
        "sklearn.ensemble._forest": (
            "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier RandomForestRegressor"
        ),
        "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": (
            "HistGradientBoostingClassifier HistGradientBoostingRegressor"
        ),
        "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
        "sklearn.gaussian_process._gpr": "GaussianProcessRegressor",
        "sklearn.gaussian_process.kernels": "ConstantKernel Matern Product RBF RationalQuadratic Sum WhiteKernel",
        "sklearn.impute._base": "MissingIndicator SimpleImputer",
        "sklearn.isotonic": "IsotonicRegression",
        "sklearn.kernel_approximation": "Nystroem",
        "sklearn.linear_model._coordinate_descent": "ElasticNet",
        "sklearn.linear_model._logistic": "LogisticRegression",
        "sklearn.linear_model._ridge": "Ridge",
        "sklearn.linear_model._stochastic_gradient": "SGDClassifier SGDRegressor",
        "sklearn.metrics._dist_metrics": "EuclideanDistance64 ManhattanDistance64",
        "sklearn.naive_bayes": "BernoulliNB",
        "sklearn.neighbors._classification": "KNeighborsClassifier",
        "sklearn.neighbors._kd_tree": "KDTree",
        "sklearn.neighbors._regression": "KNeighborsRegressor",
        "sklearn.pipeline": "Pipeline",
        "sklearn.preprocessing._data": "MaxAbsScaler QuantileTransformer RobustScaler StandardScaler",
        "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
        "sklearn.preprocessing._function_transformer": "FunctionTransformer",
        "sklearn.preprocessing._label": "LabelEncoder",
        "sklearn.svm._classes": "LinearSVC LinearSVR",
        "sklearn.tree._classes": (
            "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor"
        ),
    }
)

BUILT = _names(
    {
        "pipelines.configuration": "Configuration",
        "sklearn._loss._loss": (
            "CyAbsoluteError CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss "
            "CyHalfSquaredError CyHuberLoss CyPinballLoss"
        ),
        "sklearn.linear_model._sgd_fast": (
            "EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive SquaredHinge"
        ),
        "sklearn.tree._tree": "Tree",
    }
)

FUNCTIONS = _names(
    {
        "numpy": "mean",
        "pipelines.steps.preprocessing": "clip_numbers",
        "sklearn.utils.validation": "check_array",
    }
)
