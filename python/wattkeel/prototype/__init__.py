"""The executable specification: every kernel of the C++ core as readable Python that Numba compiles.

One module per stage; a kernel has the same name and order of arguments as in
cpp/include/wattkeel/kernels.hpp, and gives the same bits.
"""

from __future__ import annotations
