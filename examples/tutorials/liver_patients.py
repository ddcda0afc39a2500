"""The table of patients that a tutorial uses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def load_visits() -> pd.DataFrame:
    """Return one row for each of 1,945 visits of 312 patients with primary biliary cirrhosis, a disease of the liver.

    The file is the table ``pbcseq`` of the R package survival by T. M. Therneau, under the GNU Library General Public
    License, version 2 or later. The patients took part in a trial of the Mayo Clinic that began in 1974 (Murtaugh et
    al., "Primary biliary cirrhosis: prediction of short-term survival based on repeated patient visits", Hepatology
    20(1), 1994).
    """
    return pd.read_csv(Path(__file__).with_name("liver_patients.csv.gz"))
