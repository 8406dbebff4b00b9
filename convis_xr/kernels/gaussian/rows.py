"""Adding up weighted rows with the sums held in registers, which plain loops do not get out of the compiler.

A loop over columns inside a loop over rows loads and stores every sum once per row; here a strip of columns stays in
registers while all rows pass by. The code is generated for a strip of one, two or four vectors of 64 bytes, which LLVM
maps on whatever vectors the processor has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compiled import compiled_fused

VECTOR_BYTES = 64


@compiled_fused
def combine(rows, first, weights, sums, width):  # type: ignore[no-untyped-def]
    """Write ``sums[i, :width] = sum_k weights[i, k] * rows[first[i] + k, :width]`` for every i.

    Parameters
    ----------
    rows : ndarray (n, at least width), contiguous
        The rows, with room up to a multiple of 64 bytes.
    first : ndarray (m,) of int
        The row that each first weight belongs to.
    weights : ndarray (m, taps), contiguous
        The weights, of the rows' dtype.
    sums : ndarray (m, as rows), contiguous
        Where the sums go; what lies beyond `width` is undefined.
    width : int
        How many columns matter.
    """
    lanes = VECTOR_BYTES // rows.itemsize
    column = 0
    # Strips outside, sums inside: what a strip needs of the rows stays in the nearest cache.
    while column + 3 * lanes < width:
        for i in range(len(first)):
            _strip_of_4(rows, first[i], weights[i], sums[i], column)
        column += 4 * lanes
    while column + lanes < width:
        for i in range(len(first)):
            _strip_of_2(rows, first[i], weights[i], sums[i], column)
        column += 2 * lanes
    if column < width:
        for i in range(len(first)):
            _strip_of_1(rows, first[i], weights[i], sums[i], column)


@compiled_fused
def aligned(height, width, like):  # type: ignore[no-untyped-def]
    """Return zeros (height, width) of an array's dtype that start on a cache line: a vector across two loads slower."""
    buffer = np.zeros(height * width + VECTOR_BYTES // like.itemsize, like.dtype)
    skip = -buffer.ctypes.data % VECTOR_BYTES // like.itemsize
    return buffer[skip : skip + height * width].reshape(height, width)


def _strip(vectors: int) -> Any:
    """Return `combine` for one strip of columns, that many vectors wide."""

    @intrinsic  # type: ignore[untyped-decorator]
    def strip(typing, rows, first, weights, total, column):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            values = []
            for kind, value in zip(signature.args, arguments, strict=True):
                if isinstance(kind, types.Array):
                    values.append(context.make_array(kind)(context, builder, value))
                else:
                    values.append(context.cast(builder, value, kind, types.intp))
            element = context.get_value_type(rows.dtype)
            _generate(builder, vectors, element, context.get_abi_sizeof(element), *values)
            return context.get_dummy_value()

        return types.void(rows, first, weights, total, column), generate

    return strip


def _generate(builder, vectors, element, size, rows, first, weights, total, column):  # type: ignore[no-untyped-def]
    """Write the loop over rows; the compiler lifts the sums into registers."""
    vector = ir.VectorType(element, VECTOR_BYTES // size)
    [taps], [_, width] = cgutils.unpack_tuple(builder, weights.shape), cgutils.unpack_tuple(builder, rows.shape)
    start = builder.gep(rows.data, [builder.add(builder.mul(first, width), column)])
    sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(vectors)]

    def place(base, i):  # type: ignore[no-untyped-def]
        at = builder.gep(base, [ir.Constant(column.type, i * vector.count)])
        return builder.bitcast(at, vector.as_pointer())

    with cgutils.for_range(builder, taps) as loop:
        weight = builder.load(builder.gep(weights.data, [loop.index]))
        lane = builder.insert_element(ir.Constant(vector, ir.Undefined), weight, ir.Constant(ir.IntType(32), 0))
        spread = builder.shuffle_vector(lane, lane, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None))
        row = builder.gep(start, [builder.mul(loop.index, width)])
        for i, running in enumerate(sums):
            product = builder.fmul(spread, builder.load(place(row, i), align=size), flags=("contract",))
            builder.store(builder.fadd(builder.load(running), product, flags=("contract",)), running)
    for i, running in enumerate(sums):
        builder.store(builder.load(running), place(builder.gep(total.data, [column]), i), align=size)


_strip_of_1, _strip_of_2, _strip_of_4 = _strip(1), _strip(2), _strip(4)
