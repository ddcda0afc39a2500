"""What a fitted estimator offers: its attributes, its predictions of several kinds, and its scores."""
