#include "spikesmith/nets/kernels.hpp"

#if defined(__AVX512F__)

#include <immintrin.h>

#include "spikesmith/nets/kernel_table.hpp"

namespace spikesmith::nets {
namespace {

struct Avx512 {
    using V = __m512;
    using Mask = __mmask16;
    static constexpr std::size_t width = 16;
    static constexpr int tile_rows = 6;
    static constexpr int tile_vectors = 4;
    static constexpr int gradient_tile = 4;

    static V load(const float* p) { return _mm512_loadu_ps(p); }
    static void store(float* p, V v) { _mm512_storeu_ps(p, v); }
    static V set(float v) { return _mm512_set1_ps(v); }
    static V zero() { return _mm512_setzero_ps(); }
    static V add(V a, V b) { return _mm512_add_ps(a, b); }
    static V sub(V a, V b) { return _mm512_sub_ps(a, b); }
    static V mul(V a, V b) { return _mm512_mul_ps(a, b); }
    static V div(V a, V b) { return _mm512_div_ps(a, b); }
    static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
    static V fnma(V a, V b, V c) { return _mm512_fnmadd_ps(a, b, c); }
    static V sqrt(V a) { return _mm512_sqrt_ps(a); }
    static V max(V a, V b) { return _mm512_max_ps(a, b); }
    static V min(V a, V b) { return _mm512_min_ps(a, b); }
    static V absolute(V a) { return _mm512_abs_ps(a); }
    static V copy_sign(V magnitude, V sign) {
        const __m512i bit =
            _mm512_and_si512(_mm512_castps_si512(sign), _mm512_set1_epi32(static_cast<int>(0x80000000U)));
        return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(magnitude), bit));
    }
    static Mask less(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
    static V select(Mask m, V yes, V no) { return _mm512_mask_blend_ps(m, no, yes); }
    static V round(V a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static V power_of_two(V n) {
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
    }
    // The nearest integer n, and 2^n.
    static V round_with_power(V a, V& power) {
        const __m512i n = _mm512_cvtps_epi32(a);
        power = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
        return _mm512_cvtepi32_ps(n);
    }
    static V split_exponent(V x, V& exponent) {
        const __m512i bits = _mm512_castps_si512(x);
        const __m512i n = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(0x3f3504f3)), 23);
        exponent = _mm512_cvtepi32_ps(n);
        return _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(n, 23)));
    }

    // Sums of the 16 lanes of each of K vectors: lanes l and l + 8 first, then l + 4, l + 2, l + 1.
    template <int K, int parts>
    static void reduce(const V (&acc)[K][parts], float* sums) {
        static_assert(parts == 1);
        if constexpr (K == 16) {
            V a[8];
#pragma GCC unroll 8
            for (int k = 0; k < 8; ++k) {
                a[k] = add(_mm512_shuffle_f32x4(acc[2 * k][0], acc[2 * k + 1][0], 0x44),
                           _mm512_shuffle_f32x4(acc[2 * k][0], acc[2 * k + 1][0], 0xEE));
            }
            V b[4];  // quarters: sums of vectors 4k, 4k + 1, 4k + 2, 4k + 3
#pragma GCC unroll 4
            for (std::size_t k = 0; k < 4; ++k) {
                b[k] = add(_mm512_shuffle_f32x4(a[2 * k], a[2 * k + 1], 0x88),
                           _mm512_shuffle_f32x4(a[2 * k], a[2 * k + 1], 0xDD));
            }
            V c[2];
#pragma GCC unroll 2
            for (std::size_t k = 0; k < 2; ++k) {
                c[k] = add(_mm512_shuffle_ps(b[2 * k], b[2 * k + 1], 0x44),
                           _mm512_shuffle_ps(b[2 * k], b[2 * k + 1], 0xEE));
            }
            // Lane 4 q + j now belongs to vector 4 j + q.
            const V d = add(_mm512_shuffle_ps(c[0], c[1], 0x88), _mm512_shuffle_ps(c[0], c[1], 0xDD));
            const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            store(sums, _mm512_permutexvar_ps(order, d));
        } else {
            for (int k = 0; k < K; ++k) {
                const __m256 low = _mm512_castps512_ps256(acc[k][0]);
                const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(acc[k][0]), 1));
                const __m256 eight = _mm256_add_ps(low, high);
                const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
                const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                sums[k] = _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
            }
        }
    }
};

}  // namespace

const Kernels* avx512_kernels() {
    return &kernel_table<Avx512>;
}

}  // namespace spikesmith::nets

#else

const spikesmith::nets::Kernels* spikesmith::nets::avx512_kernels() {
    return nullptr;
}

#endif
