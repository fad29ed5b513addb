#include <bit>
#include <cmath>

#include "spikesmith/nets/kernel_table.hpp"
#include "spikesmith/nets/kernels.hpp"

namespace spikesmith::nets {
namespace {

// Four lanes in plain C++, for machines without wide vectors and as the reference of those with them.
struct Portable {
    struct V {
        float lane[4];
    };
    struct Mask {
        bool lane[4];
    };
    static constexpr std::size_t width = 4;
    static constexpr int tile_rows = 4;
    static constexpr int tile_vectors = 2;
    static constexpr int gradient_tile = 2;

    template <class F>
    static V each(const F& f) {
        return {{f(0), f(1), f(2), f(3)}};
    }
    static V load(const float* p) {
        return each([&](int i) { return p[i]; });
    }
    static void store(float* p, V v) {
        for (int i = 0; i < 4; ++i) p[i] = v.lane[i];
    }
    static V set(float v) { return {{v, v, v, v}}; }
    static V zero() { return set(0); }
    static V add(V a, V b) {
        return each([&](int i) { return a.lane[i] + b.lane[i]; });
    }
    static V sub(V a, V b) {
        return each([&](int i) { return a.lane[i] - b.lane[i]; });
    }
    static V mul(V a, V b) {
        return each([&](int i) { return a.lane[i] * b.lane[i]; });
    }
    static V div(V a, V b) {
        return each([&](int i) { return a.lane[i] / b.lane[i]; });
    }
    static V fma(V a, V b, V c) {
        return each([&](int i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
    }
    static V fnma(V a, V b, V c) {
        return each([&](int i) { return std::fma(-a.lane[i], b.lane[i], c.lane[i]); });
    }
    static V sqrt(V a) {
        return each([&](int i) { return std::sqrt(a.lane[i]); });
    }
    static V max(V a, V b) {
        return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
    }
    static V min(V a, V b) {
        return each([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
    }
    static V absolute(V a) {
        return each([&](int i) { return std::fabs(a.lane[i]); });
    }
    static V copy_sign(V magnitude, V sign) {
        return each([&](int i) { return std::copysign(magnitude.lane[i], sign.lane[i]); });
    }
    static Mask less(V a, V b) {
        return {{a.lane[0] < b.lane[0], a.lane[1] < b.lane[1], a.lane[2] < b.lane[2], a.lane[3] < b.lane[3]}};
    }
    static V select(Mask m, V yes, V no) {
        return each([&](int i) { return m.lane[i] ? yes.lane[i] : no.lane[i]; });
    }
    static V round(V a) {
        return each([&](int i) { return std::nearbyint(a.lane[i]); });
    }
    static V power_of_two(V n) {
        return each([&](int i) {
            // NaN stays NaN through the mantissa; its power is of no consequence, but must be defined.
            const auto exponent =
                std::isnan(n.lane[i]) ? 0U : static_cast<std::uint32_t>(static_cast<std::int32_t>(n.lane[i]) + 127);
            return std::bit_cast<float>(exponent << 23U);
        });
    }
    // The nearest integer n, and 2^n; for NaN any.
    static V round_with_power(V a, V& power) {
        const V n = round(a);
        power = power_of_two(n);
        return n;
    }
    static V split_exponent(V x, V& exponent) {
        return each([&](int i) {
            const auto bits = std::bit_cast<std::int32_t>(x.lane[i]);
            const std::int32_t n =
                static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(x.lane[i]) - 0x3f3504f3U) >> 23;
            exponent.lane[i] = static_cast<float>(n);
            return std::bit_cast<float>(static_cast<std::uint32_t>(bits) - (static_cast<std::uint32_t>(n) << 23U));
        });
    }
    template <int K, int parts>
    static void reduce(const V (&acc)[K][parts], float* sums) {
        static_assert(parts == 4);
        for (int k = 0; k < K; ++k) {
            const V low = add(acc[k][0], acc[k][2]);
            const V high = add(acc[k][1], acc[k][3]);
            const V four = add(low, high);
            sums[k] = (four.lane[0] + four.lane[2]) + (four.lane[1] + four.lane[3]);
        }
    }
};

}  // namespace

const Kernels* portable_kernels() {
    return &kernel_table<Portable>;
}

}  // namespace spikesmith::nets
