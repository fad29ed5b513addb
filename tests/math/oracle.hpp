// The oracle of the elementary functions: MPFR with 200 bits for double precision, libm in double precision for single;
// errors in units in the last place; the sample points.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <mpfr.h>

namespace spikesmith::math::test {

// A number of 200 bits that owns its memory.
class Big {
  public:
    Big() { mpfr_init2(value_, 200); }
    explicit Big(double v) : Big() { mpfr_set_d(value_, v, MPFR_RNDN); }
    Big(const Big&) = delete;
    Big& operator=(const Big&) = delete;
    ~Big() { mpfr_clear(value_); }
    [[nodiscard]] mpfr_ptr get() { return value_; }
    [[nodiscard]] mpfr_srcptr get() const { return value_; }

  private:
    mpfr_t value_;
};

// The spacing of numbers of type Float at `x` (that of the largest finite numbers beyond the range).
template <class Float>
double spacing(double x) {
    using limits = std::numeric_limits<Float>;
    if (x == 0) return limits::denorm_min();
    const int exponent = std::clamp(std::ilogb(x), limits::min_exponent - 1, limits::max_exponent - 1);
    return std::ldexp(1.0, exponent - (limits::digits - 1));
}

// |got - exact| in units in the last place; infinity counts as the number after the largest; 1e30 for a wrong kind of
// number.
template <class Float>
double error_in_ulp(Float got, const Big& exact) {
    if (mpfr_nan_p(exact.get()) != 0 || std::isnan(got))
        return (mpfr_nan_p(exact.get()) != 0) == std::isnan(got) ? 0 : 1e30;
    if (mpfr_inf_p(exact.get()) != 0) return static_cast<double>(got) == mpfr_get_d(exact.get(), MPFR_RNDN) ? 0 : 1e30;
    Big difference;
    if (std::isinf(got)) {
        mpfr_set_si_2exp(difference.get(), got > 0 ? 1 : -1, std::numeric_limits<Float>::max_exponent, MPFR_RNDN);
        if (mpfr_cmpabs(exact.get(), difference.get()) >= 0 && mpfr_sgn(exact.get()) == mpfr_sgn(difference.get()))
            return 0;
    } else {
        mpfr_set_d(difference.get(), static_cast<double>(got), MPFR_RNDN);
    }
    mpfr_sub(difference.get(), difference.get(), exact.get(), MPFR_RNDN);
    mpfr_div_d(difference.get(), difference.get(), spacing<Float>(mpfr_get_d(exact.get(), MPFR_RNDZ)), MPFR_RNDN);
    return std::fabs(mpfr_get_d(difference.get(), MPFR_RNDN));
}

// The same for single precision with a reference in double precision.
inline double error_in_ulp(float got, double exact) {
    if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) == std::isnan(got) ? 0 : 1e30;
    const double bound = std::isinf(got) ? std::copysign(0x1p128, got) : static_cast<double>(got);
    if (std::isinf(got) && std::fabs(exact) >= 0x1p128 && std::signbit(exact) == std::signbit(got)) return 0;
    if (std::isinf(exact)) return 1e30;
    return std::fabs(bound - exact) / spacing<float>(exact);
}

// A small generator for sample points, independent of the room's own (Steele, Lea and Flood's SplitMix64).
class Sampler {
  public:
    explicit Sampler(std::uint64_t seed) : state_(seed) {}
    std::uint64_t bits() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    double between(double low, double high) {
        const double u = static_cast<double>(bits() >> 11) * 0x1p-53;
        return low + u * (high - low);
    }
    // Any number: uniform over the bit patterns, so over all exponents; NaN and infinities included.
    template <class Float>
    Float any() {
        if constexpr (sizeof(Float) == 8)
            return std::bit_cast<double>(bits());
        else
            return std::bit_cast<float>(static_cast<std::uint32_t>(bits()));
    }

  private:
    std::uint64_t state_;
};

struct Interval {
    double low;
    double high;
};

// Points for a function of one argument: edges of the number format, the points of interest and their neighbours,
// random numbers in the intervals, random exponents.
template <class Float>
std::vector<Float> sample_points(const std::vector<Interval>& intervals, const std::vector<double>& interesting,
                                 int random_points) {
    using limits = std::numeric_limits<Float>;
    std::vector<Float> points = {Float(0),           limits::denorm_min(), limits::min(),     limits::max(),
                                 limits::infinity(), limits::quiet_NaN(),  limits::epsilon(), limits::epsilon() / 2,
                                 Float(1),           Float(0.5),           Float(2),          Float(3)};
    points.push_back(std::nextafter(limits::min(), Float(0)));
    for (int exponent = limits::min_exponent - limits::digits; exponent < limits::max_exponent; ++exponent) {
        points.push_back(static_cast<Float>(std::ldexp(1.0, exponent)));
        points.push_back(static_cast<Float>(std::ldexp(1.7320508, exponent)));
    }
    for (const double p : interesting) {
        auto up = static_cast<Float>(p);
        auto down = up;
        for (int k = 0; k < 40; ++k) {
            points.push_back(up);
            points.push_back(down);
            up = std::nextafter(up, limits::infinity());
            down = std::nextafter(down, -limits::infinity());
        }
    }
    const std::size_t positive = points.size();
    for (std::size_t i = 0; i < positive; ++i) points.push_back(-points[i]);
    Sampler sampler(20240607);
    for (int i = 0; i < random_points; ++i) {
        for (const auto& interval : intervals)
            points.push_back(static_cast<Float>(sampler.between(interval.low, interval.high)));
        points.push_back(sampler.any<Float>());
    }
    return points;
}

}  // namespace spikesmith::math::test
