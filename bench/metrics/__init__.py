"""Metric plug-ins: torchmetrics classes over bench.functional, one file a family."""
