"""The content of a report: a tree of frozen dataclasses with plain values, which templates only draw.

Scores and errors have the sign that people read: a root mean squared error is positive. `ReportMetric` says whether
greater or smaller is better. A share is a number between 0 and 1. A value is None where it is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

from automl.report.score_data import GroupTable, MetricScore
from automl.report.search_data import CostsPart, ExpectedPoint, SettingsPart, StartPart, WorkerRow


@dataclass(frozen=True)
class ReportMetric:
    """The metric of the search, in words.

    Attributes
    ----------
    name : str
        Name of the scorer.
    title : str
        Name for people, without "negative".
    meaning : str
        What the value says; empty for a scorer of the user.
    sign : int
        -1 where the shown value is the negated score of scikit-learn.
    """

    name: str
    title: str
    meaning: str
    sign: int

    @property
    def direction(self) -> str:
        """Which values are better."""
        return "greater is better" if self.sign > 0 else "lower is better"


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval, which are None where they are not known."""

    value: float
    low: float | None
    high: float | None
    level: float


@dataclass(frozen=True)
class SimpleModel:
    """A single configuration of a simple family."""

    family: str
    kind: str
    score: float


@dataclass(frozen=True)
class FurtherGainWords:
    """The expected change of the score by a longer search, as a number with its interval and as a sentence."""

    seconds: float
    change: Interval
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """Section 1: what was done, and what the model is worth."""

    task: str
    n_classes: int
    target: str | None
    n_rows: int
    n_columns: int
    metric: ReportMetric
    expected: Interval | None
    expected_note: str
    search_best: float | None
    search_mean: float | None  # over the folds of the best configuration, where `search_best` is not known
    dummy: float | None
    dummy_rule: str
    simple: SimpleModel | None
    seconds: float | None
    training_seconds: float | None
    n_configurations: int
    n_failed: int
    stop_reason: str
    further_gain: FurtherGainWords | None
    warnings: tuple[str, ...]
    n_targets: int = 1


@dataclass(frozen=True)
class ColumnRow:
    """One column of the training table.

    Attributes
    ----------
    missing : float or None
        Share of the cells without a value.
    distinct : int or None
        Number of different values.
    bars : tuple of float
        Heights of the bars of a small histogram, relative to the highest; empty where there are no rows.
    bars_note : str
        What the bars show, in words.
    """

    name: str
    kind: str
    reason: str
    treatment: str
    missing: float | None = None
    distinct: int | None = None
    bars: tuple[float, ...] = ()
    bars_note: str = ""


@dataclass(frozen=True)
class ClassShare:
    """One class of the target: its label and its rows."""

    label: str
    n_rows: int
    share: float


@dataclass(frozen=True)
class TargetScore:
    """One of several targets: its out-of-fold score, and the score of the best constant prediction."""

    name: str
    score: float | None
    constant: float | None


@dataclass(frozen=True)
class TargetSummary:
    """The target: its classes, or the distribution of its numbers; of several targets, the score of each."""

    name: str | None
    n_rows: int
    classes: tuple[ClassShare, ...] = ()
    quantiles: tuple[tuple[float, float], ...] = ()
    bars: tuple[float, ...] = ()
    bars_note: str = ""
    scores: tuple[TargetScore, ...] = ()


@dataclass(frozen=True)
class TableSection:
    """Section 2: the columns of the table, and the target."""

    note: str
    columns: tuple[ColumnRow, ...]
    target: TargetSummary | None


@dataclass(frozen=True)
class Curve:
    """Points of a curve, for one class."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float | None


@dataclass(frozen=True)
class CalibrationBin:
    """Rows with similar predicted probabilities: their mean prediction, and how often the class was right."""

    predicted: float
    observed: float
    low: float
    high: float
    n_rows: int


@dataclass(frozen=True)
class ThresholdSweep:
    """Counts of rows for thresholds of the probability of the positive class, which is predicted above a threshold."""

    thresholds: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    n_positive: int
    n_negative: int


@dataclass(frozen=True)
class ClassRow:
    """The quality of the predictions of one class."""

    label: str
    n_rows: int
    n_predicted: int
    precision: float | None
    recall: float | None
    f1: float | None
    confused_with: str


@dataclass(frozen=True)
class ClassificationResult:
    """How well labels and probabilities agree with the true labels.

    Attributes
    ----------
    positive : int or None
        Number of the positive class; None for more than two classes.
    confusion : tuple of (int, int, int)
        True class, predicted class and number of rows, without pairs that have no row.
    """

    labels: tuple[str, ...]
    positive: int | None
    threshold: float | None
    accuracy: float
    sweep: ThresholdSweep | None
    confusion: tuple[tuple[int, int, int], ...]
    classes: tuple[ClassRow, ...]
    roc: tuple[Curve, ...]
    precision_recall: tuple[Curve, ...]
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float
    calibration_of: str


@dataclass(frozen=True)
class WorstRow:
    """A row with a large error. `row` counts the rows of the table from 0; None where the number is not known."""

    row: int | None
    truth: float
    prediction: float
    error: float


@dataclass(frozen=True)
class RegressionResult:
    """How far predictions are from the true values. An error is the prediction minus the true value."""

    mean_absolute_error: float
    root_mean_squared_error: float
    r2: float | None
    error_quantiles: tuple[tuple[float, float], ...]
    truth: tuple[float, ...]
    prediction: tuple[float, ...]
    histogram: tuple[int, ...]
    edges: tuple[float, ...]
    worst: tuple[WorstRow, ...]


@dataclass(frozen=True)
class CoverageRow:
    """The coverage of intervals, sets or a quantile at one level, and mean width, number of classes or pinball loss."""

    level: float
    coverage: float
    size: float | None


@dataclass(frozen=True)
class Performance:
    """Section 3: predictions for some rows beside the truth; `metric` is None where it is that of the search."""

    source: str
    title: str
    note: str
    n_rows: int
    score: Interval | None
    classification: ClassificationResult | None = None
    regression: RegressionResult | None = None
    coverage: tuple[CoverageRow, ...] = ()
    metric: ReportMetric | None = None


@dataclass(frozen=True)
class ColumnImportance:
    """How much the score falls if the cells of a column are shuffled, with an interval, also for each target."""

    name: str
    value: float
    low: float | None
    high: float | None
    correlated_with: tuple[str, ...] = ()
    by_target: tuple[float, ...] = ()


@dataclass(frozen=True)
class Dependence:
    """The mean prediction, and the predictions for single rows, as the value of one column changes.

    Attributes
    ----------
    kind : {"number", "date", "level"}
        Kind of the values; dates are texts of the form "2024-01-31T00:00:00".
    output : str
        The prediction in words.
    """

    name: str
    values: tuple[float | str, ...]
    mean: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...] = ()
    kind: str = "number"
    output: str = "prediction"


@dataclass(frozen=True)
class ImportanceSection:
    """Section 4: what the model uses; `targets` are the names of the targets whose importances the columns hold."""

    note: str
    columns: tuple[ColumnImportance, ...]
    dependence: tuple[Dependence, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class MemberRow:
    """One member of the ensemble.

    Attributes
    ----------
    steps : tuple of (str, str)
        Steps of the pipeline and their components, in order.
    settings : tuple of (str, str)
        Hyperparameters and their values.
    milliseconds : float or None
        Time for a single row, of all models of this member.
    """

    id: str
    family: str
    weight: float
    n_models: int
    steps: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    fold_scores: tuple[tuple[int, float], ...]
    milliseconds: float | None
    megabytes: float | None


@dataclass(frozen=True)
class FrontierPoint:
    """An ensemble that `slim` and `choose` return, with the number of its row and the differences between groups."""

    row: int
    members: str
    score: float
    low: float | None
    high: float | None
    milliseconds: float
    megabytes: float
    differences: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class EnsembleSection:
    """Section 5: the members of the ensemble, and smaller ensembles."""

    note: str
    members: tuple[MemberRow, ...]
    correlation: tuple[tuple[float | None, ...], ...]
    frontier: tuple[FrontierPoint, ...]


@dataclass(frozen=True)
class TracePoint:
    """The best score after a trial has ended. `seconds` are those of all trials so far, added over all workers."""

    trial: int
    seconds: float
    family: str
    score: float
    best: float


@dataclass(frozen=True)
class Failure:
    """Trials of one family that ended in the same way."""

    status: str
    reason: str
    count: int


@dataclass(frozen=True)
class FamilyRow:
    """All configurations of one model family."""

    family: str
    n_configurations: int
    n_failed: int
    best: float | None
    seconds: float
    weight: float
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Axis:
    """An axis of the parallel coordinates. Positions of values are between 0 (low end) and 1 (high end)."""

    name: str
    low: str
    high: str
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """A configuration in the parallel coordinates: its position on each axis, and its values as texts."""

    id: str
    family: str
    score: float
    weight: float
    positions: tuple[float, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class SearchSection:
    """Section 6: what the search has tried.

    Attributes
    ----------
    outcomes : tuple of (str, int)
        The number of trials by the way in which they ended.
    expected : tuple of ExpectedPoint
        Empty where the scores over time are not known.
    workers : tuple of WorkerRow
        The seconds of the workers, by family.
    """

    note: str
    outcomes: tuple[tuple[str, int], ...]
    trace: tuple[TracePoint, ...]
    expected: tuple[ExpectedPoint, ...]
    families: tuple[FamilyRow, ...]
    axes: tuple[Axis, ...]
    lines: tuple[Line, ...]
    workers: tuple[WorkerRow, ...]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the estimator."""

    name: str
    value: str
    is_changed: bool


@dataclass(frozen=True)
class Reproduce:
    """Section 7: all that another run needs to come to the same result, or the reason why it comes to another one."""

    parameters: tuple[Parameter, ...]
    seed: str
    is_repeatable: bool
    reason: str
    n_folds: int
    fold_rows: str
    versions: tuple[tuple[str, str], ...]
    machine: tuple[tuple[str, str], ...]
    fingerprint: str | None
    python: str
    command: str | None
    command_note: str


@dataclass(frozen=True)
class ReportData:
    """All that a report shows. `notes` says why a section is None; `costs`, `start`, `settings` are in section 6."""

    title: str
    made: str
    version: str
    verdict: Verdict
    table: TableSection
    performances: tuple[Performance, ...]
    scores: tuple[MetricScore, ...]
    groups: GroupTable | None
    importance: ImportanceSection | None
    ensemble: EnsembleSection
    search: SearchSection | None
    costs: CostsPart | None
    start: StartPart | None
    settings: SettingsPart | None
    reproduce: Reproduce
    notes: tuple[tuple[str, str], ...]
