from __future__ import annotations

import numpy as np

from pipelines.steps.preprocessing import RobustClipScaler


def test_robust_clipping_bounds_outliers_and_centers_on_the_median():
    x = np.concatenate([np.arange(101.0), [1e12]])[:, None]
    out = RobustClipScaler().fit(x).transform(x)
    assert np.abs(out).max() <= 3
    assert abs(np.median(out)) < 0.05
    assert (np.diff(out[:101, 0]) > 0).all()
