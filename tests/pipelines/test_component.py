import numpy as np
import pytest

from pipelines.component import TaskType, task_type


@pytest.mark.parametrize(
    ("n_classes", "expected"),
    [(0, "regression"), (2, "binary"), (3, "multiclass"), (100, "multiclass"), (np.int64(2), "binary")],
)
def test_the_number_of_classes_decides_the_task_type(n_classes: int, expected: TaskType) -> None:
    assert task_type(n_classes) == expected


@pytest.mark.parametrize("n_classes", [1, -1])
def test_a_number_of_classes_that_no_task_has_is_refused(n_classes: int) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        task_type(n_classes)
