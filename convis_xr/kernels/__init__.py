"""Tensors in, tensors out, floats in SI: the arithmetic of the models.

One folder per operation. Each holds ``reference.py`` (the definition: plain loops, obviously right), a torch version
that autograd can follow and, where it pays, a version compiled by numba for the CPU. `dispatch` says which of them
runs, `threads` spreads compiled loops over the processor. Every operation is a pure function
``(x, state, parameters) -> (y, state)``: nothing here keeps a value between calls, and nothing of xarray, pint, dask or
the rest of the package is imported.

Tensors are ``(batch, channel, time, y, x)``, row 0 at the top of the picture. Whatever way time, batch or threads are
cut, the numbers are the same.
"""
