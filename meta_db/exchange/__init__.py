"""OpenML and the memory: pulling what others measured, their splits, and publishing runs."""
