"""Generator plug-ins: folder, callable, command, diffusers, http, controls, and the trained reference systems."""
