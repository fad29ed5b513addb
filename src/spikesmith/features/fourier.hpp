// The discrete Fourier transform of a real series of any length: sum_j x_j exp(-2 pi i j k / n).
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace spikesmith {

// n log n for any n: powers of two by Cooley and Tukey (Math. Comput. 19:297, 1965), others by Bluestein's chirp transform
// (IEEE Trans. Audio Electroacoust. 18:451, 1970).
[[nodiscard]] std::vector<std::complex<double>> fourier_transform(std::span<const double> series);

}  // namespace spikesmith
