#include "spikesmith/nets/kernels.hpp"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#include "spikesmith/nets/kernel_table.hpp"

namespace spikesmith::nets {
namespace {

struct Avx2 {
    using V = __m256;
    using Mask = __m256;
    static constexpr std::size_t width = 8;
    static constexpr int tile_rows = 6;
    static constexpr int tile_vectors = 2;
    static constexpr int gradient_tile = 2;

    static V load(const float* p) { return _mm256_loadu_ps(p); }
    static void store(float* p, V v) { _mm256_storeu_ps(p, v); }
    static V set(float v) { return _mm256_set1_ps(v); }
    static V zero() { return _mm256_setzero_ps(); }
    static V add(V a, V b) { return _mm256_add_ps(a, b); }
    static V sub(V a, V b) { return _mm256_sub_ps(a, b); }
    static V mul(V a, V b) { return _mm256_mul_ps(a, b); }
    static V div(V a, V b) { return _mm256_div_ps(a, b); }
    static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
    static V fnma(V a, V b, V c) { return _mm256_fnmadd_ps(a, b, c); }
    static V sqrt(V a) { return _mm256_sqrt_ps(a); }
    static V max(V a, V b) { return _mm256_max_ps(a, b); }
    static V min(V a, V b) { return _mm256_min_ps(a, b); }
    static V absolute(V a) { return _mm256_andnot_ps(set(-0.0F), a); }
    static V copy_sign(V magnitude, V sign) { return _mm256_or_ps(magnitude, _mm256_and_ps(set(-0.0F), sign)); }
    static Mask less(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
    static V select(Mask m, V yes, V no) { return _mm256_blendv_ps(no, yes, m); }
    static V round(V a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static V power_of_two(V n) {
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
    }
    // The nearest integer n, and 2^n.
    static V round_with_power(V a, V& power) {
        const __m256i n = _mm256_cvtps_epi32(a);
        power = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
        return _mm256_cvtepi32_ps(n);
    }
    static V split_exponent(V x, V& exponent) {
        const __m256i bits = _mm256_castps_si256(x);
        const __m256i n = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f3504f3)), 23);
        exponent = _mm256_cvtepi32_ps(n);
        return _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(n, 23)));
    }
    template <int K, int parts>
    static void reduce(const V (&acc)[K][parts], float* sums) {
        static_assert(parts == 2);
        for (int k = 0; k < K; ++k) {
            const V eight = add(acc[k][0], acc[k][1]);
            const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
            const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            sums[k] = _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
        }
    }
};

}  // namespace

const Kernels* avx2_kernels() {
    return &kernel_table<Avx2>;
}

}  // namespace spikesmith::nets

#else

const spikesmith::nets::Kernels* spikesmith::nets::avx2_kernels() {
    return nullptr;
}

#endif
