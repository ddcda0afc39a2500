"""The report about a fitted estimator: one file in HTML, Markdown or JSON."""
