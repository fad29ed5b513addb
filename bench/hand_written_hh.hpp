// The Hodgkin-Huxley tutorial model written by hand with vector intrinsics: what an expert would write for this one model,
// and the yardstick of the compiled kernels. Exponential Euler, double precision, two vectors interleaved; per step and
// vector 10 exponentials and 8 divisions: each exponential for itself, where compiled kernels let them share work. x86 only.
#pragma once

#include <array>
#include <cstddef>

#include <immintrin.h>

namespace spikesmith::bench {

struct HandWrittenCall {
    std::size_t steps = 0;
    std::size_t lanes = 0;               // a multiple of 16
    double* states = nullptr;            // [v, m, n, h][lanes]
    const double* parameters = nullptr;  // [g_na, g_kd, gl][lanes]
    const double* current = nullptr;     // [steps], ampere
};

// The model in SI units.
struct HodgkinHuxley {
    static constexpr double dt = 1e-5, capacitance = 200e-12, e_leak = -65e-3, e_k = -90e-3, e_na = 50e-3, v_t = -63e-3;
};

// exp: 2^n * p(r) with r = x - n*ln(2), |r| <= ln(2)/2, p the Taylor polynomial of degree 12 (truncation below 2^-55).
struct Exponential {
    static constexpr double log2_e = 1.4426950408889634;
    static constexpr double ln2_high = 6.93147180369123816490e-01;
    static constexpr double ln2_low = 1.90821492927058770002e-10;
    static constexpr double rounding = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    static constexpr std::array<double, 13> coefficients{
        1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,      1.0 / 720,
        1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600};
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 warns of its own header of intrinsics
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,fma")
namespace avx512 {
using V = __m512d;
constexpr std::size_t width = 8;
inline V set(double x) {
    return _mm512_set1_pd(x);
}
inline V load(const double* p) {
    return _mm512_loadu_pd(p);
}
inline void store(double* p, V a) {
    _mm512_storeu_pd(p, a);
}
inline V fma(V a, V b, V c) {
    return _mm512_fmadd_pd(a, b, c);
}
inline V times_power_of_two(V p, V shifted) {
    return _mm512_scalef_pd(p, shifted - set(Exponential::rounding));
}
#include "hand_written_hh_step.hpp"
}  // namespace avx512
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
using V = __m256d;
constexpr std::size_t width = 4;
inline V set(double x) {
    return _mm256_set1_pd(x);
}
inline V load(const double* p) {
    return _mm256_loadu_pd(p);
}
inline void store(double* p, V a) {
    _mm256_storeu_pd(p, a);
}
inline V fma(V a, V b, V c) {
    return _mm256_fmadd_pd(a, b, c);
}
inline V times_power_of_two(V p, V shifted) {  // exponents stay in the normal range
    return _mm256_castsi256_pd(
        _mm256_add_epi64(_mm256_castpd_si256(p), _mm256_slli_epi64(_mm256_castpd_si256(shifted), 52)));
}
#include "hand_written_hh_step.hpp"
}  // namespace avx2
#pragma GCC pop_options
#pragma GCC diagnostic pop

}  // namespace spikesmith::bench
