"""Batches of jobs: many tables times many settings, in a durable queue that runners share."""
