#include "spikesmith/optimize/error_scale.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace spikesmith {

namespace {

constexpr int mantissa_bits = 32;

double rounded(double value) {
    int exponent = 0;
    const double mantissa = std::frexp(value, &exponent);  // in [0.5, 1)
    return std::ldexp(std::nearbyint(std::ldexp(mantissa, mantissa_bits)), exponent - mantissa_bits);
}

}  // namespace

void ErrorScale::normalize(std::span<double> errors) {
    if (!reference_) {
        double smallest = std::numeric_limits<double>::infinity();
        for (const double error : errors) {
            if (error != 0 && std::fabs(error) < smallest) smallest = std::fabs(error);
        }
        if (std::isinf(smallest)) {  // failures and zeros
            return;
        }
        reference_ = smallest;
    }
    // A quotient that overflows would count as a failure.
    constexpr double largest = 0x1p1000;
    for (double& error : errors) {
        if (std::isfinite(error)) error = rounded(std::clamp(error / *reference_, -largest, largest));
    }
}

double ErrorScale::normalized(double error) {
    normalize({&error, 1});
    return error;
}

}  // namespace spikesmith
