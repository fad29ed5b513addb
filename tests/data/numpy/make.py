"""Writes the fixtures of numpy_test.cpp with NumPy itself: python3 make.py (made with NumPy 2.4)."""

import numpy as np
from numpy.lib import format as npy

grid = np.arange(6.0).reshape(2, 3) * 10 - 0.5  # [[-0.5, 9.5, 19.5], [29.5, 39.5, 49.5]]
cube = np.arange(24).reshape(2, 3, 4)

np.save("f8.npy", grid)
np.save("f8_fortran.npy", np.asfortranarray(grid))
np.save("f8_big.npy", grid.astype(">f8"))
np.save("f4.npy", grid.astype("<f4"))
np.save("f4_big_fortran.npy", np.asfortranarray(grid.astype(">f4")))
np.save("scalar.npy", np.float64(2.5))
np.save("vector.npy", np.array([1.0, np.nan, np.inf, -np.inf]))
np.save("empty.npy", np.zeros((0, 5)))
np.save("cube.npy", cube.astype("<i4"))
np.save("cube_fortran.npy", np.asfortranarray(cube.astype(">i2")))
np.save("bool.npy", np.array([True, False, True]))
np.save("i1.npy", np.array([-128, 127], "i1"))
np.save("u1.npy", np.array([0, 255], "u1"))
np.save("u2_big.npy", np.array([0, 65535], ">u2"))
np.save("u4.npy", np.array([0, 4294967295], "<u4"))
np.save("i8_big.npy", np.array([-(2**53), 2**53], ">i8"))
np.save("u8.npy", np.array([0, 2**63], "<u8"))
np.save("complex.npy", np.array([1j]))
np.save("text.npy", np.array(["a"]))
np.save("object.npy", np.array([None, 1], dtype=object))
np.save("structure.npy", np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))
np.save("half.npy", np.array([1.5], "f2"))
for version in (2, 3):
    with open(f"version{version}.npy", "wb") as file:
        npy.write_array(file, grid, version=(version, 0))
np.savez("stored.npz", v=grid, I=grid.astype("<f4"), objects=np.array([None], dtype=object))
np.savez_compressed("deflated.npz", v=np.tile(grid, (1, 100)), t=np.arange(300) * 1e-4)
np.savez("one.npz", grid)
np.savez("none.npz")
np.savetxt("savetxt.txt", np.column_stack([np.arange(4) * 0.1, [-65, -64.5, -64, -63.5]]), header="t (ms) v (mV)")
