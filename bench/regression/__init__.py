"""The regression test of a model: baselines that are committed, and the gate that holds a run against them."""
