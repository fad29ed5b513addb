#include "spikesmith/features/fourier.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

namespace spikesmith {

namespace {

using Complex = std::complex<double>;

// In place; the length is a power of two.
void transform_power_of_two(std::vector<Complex>& x) {
    const std::size_t n = x.size();
    for (std::size_t i = 1, j = 0; i < n; ++i) {
        std::size_t bit = n >> 1;
        for (; (j & bit) != 0; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) std::swap(x[i], x[j]);
    }
    std::vector<Complex> roots(n / 2);
    for (std::size_t k = 0; k < n / 2; ++k) {
        roots[k] = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
    }
    for (std::size_t length = 2; length <= n; length *= 2) {
        const std::size_t stride = n / length;
        for (std::size_t begin = 0; begin < n; begin += length) {
            for (std::size_t k = 0; k < length / 2; ++k) {
                const Complex odd = x[begin + k + length / 2] * roots[k * stride];
                x[begin + k + length / 2] = x[begin + k] - odd;
                x[begin + k] += odd;
            }
        }
    }
}

}  // namespace

std::vector<Complex> fourier_transform(std::span<const double> series) {
    const std::size_t n = series.size();
    std::vector<Complex> x(series.begin(), series.end());
    if (n < 2) return x;
    if (std::has_single_bit(n)) {
        transform_power_of_two(x);
        return x;
    }
    // jk = (j^2 + k^2 - (k - j)^2)/2 makes the transform a convolution with a chirp.
    std::vector<Complex> chirp(n);
    for (std::size_t k = 0; k < n; ++k) {
        const std::size_t square = k * k % (2 * n);
        chirp[k] = std::polar(1.0, -std::numbers::pi * static_cast<double>(square) / static_cast<double>(n));
    }
    const std::size_t length = std::bit_ceil(2 * n - 1);
    std::vector<Complex> a(length);
    std::vector<Complex> b(length);
    b[0] = std::conj(chirp[0]);
    for (std::size_t k = 0; k < n; ++k) a[k] = x[k] * chirp[k];
    for (std::size_t k = 1; k < n; ++k) b[k] = b[length - k] = std::conj(chirp[k]);
    transform_power_of_two(a);
    transform_power_of_two(b);
    for (std::size_t k = 0; k < length; ++k) a[k] = std::conj(a[k] * b[k]);
    transform_power_of_two(a);  // of the conjugate: the inverse up to conjugation and length
    for (std::size_t k = 0; k < n; ++k) x[k] = std::conj(a[k]) / static_cast<double>(length) * chirp[k];
    return x;
}

}  // namespace spikesmith
