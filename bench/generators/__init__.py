"""Generator plug-ins: folder, callable, command, controls."""
