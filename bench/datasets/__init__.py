"""Dataset plug-ins: readers of standard layouts through bench.formats; scenes through bench.world."""
