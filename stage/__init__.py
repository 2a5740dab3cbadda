"""Scaffolding around the product for the demonstration, the end-to-end tests and the benchmarks.

A virtual desktop, a person at it, a browser and the two programs, all real. Nothing in the product imports it.
"""
