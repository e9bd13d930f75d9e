"""A package, because benchmarks/launcher.py is a module of the same name: without this file it would be found first."""
