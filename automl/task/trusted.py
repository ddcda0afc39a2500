"""The types and functions that saved estimators and tasks may name beside those of pipelines (`pipelines.storage`)."""

from __future__ import annotations

TRUSTED: frozenset[str] = frozenset(
    f"{module}.{name}"
    for module, names in {
        "automl.checks.predictions": "RowPredictions",
        "automl.checks.warning": "DataWarning",
        "automl.drift.sketch": "ColumnSketch TableSketch",
        "automl.energy": "Energy",
        "automl.ensemble.calibration": "Calibration",
        "automl.ensemble.conformal": "Scores",
        "automl.ensemble.estimate": "Estimate OutOfFoldRecord",
        "automl.ensemble.frontier": "FrontierRecord",
        "automl.ensemble.out_of_fold_scores": "ConformalRecord",
        "automl.ensemble.quantile_shift": "QuantileShift",
        "automl.ensemble.residual_scale": "ResidualScale",
        "automl.ensemble.score_curve": "CandidatesAtTime CurvePoint CurveRecord ScoreCurve",
        "automl.ensemble.single_scores": "SingleScores",
        "automl.ensemble.selection": "Ensemble FoldBag",
        "automl.ensemble.target_calibration": "TargetsCalibration",
        "automl.fitted.best_pipeline": "BestPipeline",
        "automl.guard": "Guard",
        "automl.refit.members": "FitFacts",
        "automl.refit.report": "RefitReport",
        "automl.retune.report": "RetuneReport",
        "automl.refit.rows": "SavedRows StoredRows TrainingRows",
        "automl.task.class_scorers": "AllClassesScorer",
        "automl.task.metrics": "Metric",
        "automl.task.ordered_classes": "KappaDecision OrderedScorer",
        "automl.task.positive_class": "CodedScorer",
        "automl.task.quantiles": "QuantilesScorer",
        "automl.task.sensitive": "SensitiveFeatures",
        "automl.task.target_metrics": "TargetsMetric TargetsScorer",
        "automl.task.task": "HoldoutRows Task",
        "automl.trials.history": "Evaluation RunHistory",
        "automl.trials.initial_design": "InitialDesign SimilarDataset",
        "automl.trials.stored_run": "StoredRun",
        "automl.trials.trial": "FoldResult Status Trial TrialResult",
        "pipelines.catalog": "OwnComponents",
        "sklearn.metrics._classification": (
            "accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score d2_brier_score "
            "d2_log_loss_score f1_score fbeta_score hamming_loss hinge_loss jaccard_score log_loss matthews_corrcoef "
            "precision_score recall_score zero_one_loss"
        ),
        "sklearn.metrics._ranking": (
            "average_precision_score dcg_score label_ranking_average_precision_score ndcg_score roc_auc_score "
            "top_k_accuracy_score"
        ),
        "sklearn.metrics._regression": (
            "d2_absolute_error_score d2_pinball_score d2_tweedie_score explained_variance_score max_error "
            "mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss "
            "mean_poisson_deviance mean_squared_error mean_squared_log_error mean_tweedie_deviance "
            "median_absolute_error r2_score root_mean_squared_error root_mean_squared_log_error"
        ),
        "sklearn.metrics._scorer": "_PassthroughScorer _Scorer negative_likelihood_ratio positive_likelihood_ratio",
        "sklearn.metrics.cluster._supervised": (
            "adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score "
            "homogeneity_score mutual_info_score normalized_mutual_info_score rand_score v_measure_score"
        ),
        "sklearn.model_selection._split": (
            "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit "
            "RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold "
            "StratifiedShuffleSplit TimeSeriesSplit _CVIterableWrapper"
        ),
    }.items()
    for name in names.split()
)
