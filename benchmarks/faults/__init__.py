"""Inject faults into real runs at random moments, and look at what is left afterwards; see docs/reliability.md."""
