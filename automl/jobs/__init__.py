"""Batches of jobs: each table of a list is fitted under each setting; runners share the jobs of one durable queue."""
