// exp(A) of a small dense matrix: scaling and squaring with the [13/13] Pade approximant.
//
// N. J. Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix Anal. Appl. 26 (2005).
#pragma once

namespace spikesmith {

// `matrix` and `result` are n x n, row-major, and may not overlap. Non-finite entries give NaN. n <= 64.
void matrix_exponential(int n, const double* matrix, double* result);

}  // namespace spikesmith
