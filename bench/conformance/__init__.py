"""The conformance suite: what any plug-in of a kind must do, held against one plug-in (`bench check NAME`)."""
