from ._speedups import speed
