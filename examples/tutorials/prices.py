"""
Prices: what will a house be sold for?
======================================

A price is a number, so this is a regression. Prices have three properties that many numbers in companies have: a few
are very large, an error of 50,000 is much for a cheap house and little for an expensive one, and the prices of next
month may not be those of last month. This tutorial chooses a score that fits to prices, tests the model on later
months, and says for a single house how the price comes about.

The table holds 5,000 houses that were sold around Seattle between May 2014 and May 2015. It is a sample of "House Sales
in King County, USA", which is in the public domain (CC0).
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from houses import load_houses

import automl

SECONDS = 30  # for each fit

table = load_houses()
table.head(3).T

# %%
# Zeros that mean "unknown", numbers that are names
# -------------------------------------------------
#
# No cell of this table is empty. But a year of renovation of 0 means that the house was never renovated, and a zip code
# is the name of a district. The first should be a missing cell. The second is for the argument `columns`; without it, a
# model would believe that 98,100 is more than 98,001.

table["yr_renovated"] = table["yr_renovated"].replace(0, np.nan)
columns = {"zipcode": "category", "id": "drop"}

# %%
# The model will be used for houses that are not sold yet. So the test rows are the last two months, and not a random
# sample of all rows.

new = table["date"] >= "2015-04-01"
X, y = table[~new].drop(columns="price"), table.loc[~new, "price"]
X_new, y_new = table[new].drop(columns="price"), table.loc[new, "price"]
print(f"{len(X):,} sales until March 2015, {len(X_new):,} sales in April and May")

# %%
# The score
# ---------
#
# By default, the search minimizes the root mean squared error. Then the most expensive houses decide, because their
# errors in dollars are the largest. Here an error counts in percent of the price: this is the mean absolute percentage
# error. :doc:`/howto/metric` lists other scores.

reg = automl.AutoMLRegressor(
    time_budget=SECONDS,
    scoring="neg_mean_absolute_percentage_error",
    columns=columns,
    random_state=0,
    verbose=0,
)
reg.fit(X, y)
estimate = reg.estimate_
print(f"expected error: {-estimate.score:.1%}, 95 % interval {-estimate.high:.1%} to {-estimate.low:.1%}")

# %%
# Is this good? A simple rule to compare with is the median price of a square foot in the district.

per_foot = (y / X["sqft_living"]).groupby(X["zipcode"]).median()
rule = X_new["zipcode"].map(per_foot) * X_new["sqft_living"]
predicted = reg.predict(X_new)


def errors(prices):
    """Return the sizes of the errors for the new houses, in percent of their prices."""
    return 100 * abs(prices - y_new) / y_new


pd.DataFrame(
    [
        {
            "method": name,
            "mean error (%)": errors(prices).mean(),
            "median error (%)": errors(prices).median(),
            "within 10 %": (errors(prices) <= 10).mean(),
            "bias (%)": 100 * (prices / y_new - 1).median(),
        }
        for name, prices in {"price of a square foot": rule, "automl": predicted}.items()
    ]
).round(2)

# %%
# The last column is the typical error with its sign. If it is negative, the model asks for too little. The estimate of
# the last section is about houses of the same months as the training rows. It cannot know that prices rise: the new
# months can only show it. If they do, fit again each month; :doc:`/howto/refit_monthly` has the script.

figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
axes.plot(y_new, predicted, ".", alpha=0.4)
ends = [y_new.min(), y_new.max()]
axes.plot(ends, ends, color="black", linewidth=1, label="exactly right")
axes.set(xscale="log", yscale="log", xlabel="price", ylabel="predicted price", title="Sales of April and May 2015")
axes.legend()

# %%
# What makes a price?
# -------------------
#
# The importance of a column is what the score loses when its cells are exchanged between rows. Orange columns are
# closely related to another column and share their importance with it.

automl.plots.importance(reg, reg.importance(seconds=20), max_columns=10)

# %%
# Partial dependence shows how the predicted price changes with one column while the others stay as they are. Each thin
# line is one house, and the thick line is the mean.

automl.plots.partial_dependence(reg, column="grade")

# %%
# One house
# ---------
#
# A seller asks why. SHAP values divide the difference between this price and the mean price over the columns.

house = X_new.iloc[[0]]
explanation = reg.explain(house)
print(f"predicted {reg.predict(house)[0]:,.0f}, sold for {y_new.iloc[0]:,.0f}")
automl.plots.waterfall(explanation, row=0)

# %%
# Where to go on
# --------------
#
# * :doc:`/explanations` says what these figures mean, and what they do not mean. They explain the model, not the
#   market.
# * ``reg.report("report.html", test=(X_new, y_new))`` writes one page with all figures, the residuals and the rows with
#   the largest errors.
# * If rows are in the order of time and the newest ones should count most, see :doc:`/howto/time_order`.
