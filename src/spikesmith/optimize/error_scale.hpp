// Errors as methods see them that compute with their values (differences, quadratic models) instead of their ranks:
// divided by a reference, one of the errors themselves, so that the unit of the error does not matter.
//
// Scaling changes an error in its last bits, and what is computed from it in ever more. So quotients are rounded to
// multiples of 2^-32 of themselves: then scaled errors give the same numbers, but for one in about a million, and a
// search repeats to the last bit. Relative rounding takes nothing from an error whose minimum is 0; a minimum above 0 is
// located as well as an error known to ten digits allows.
#pragma once

#include <optional>
#include <span>

namespace spikesmith {

class ErrorScale {
  public:
    // The largest relative change by rounding.
    static constexpr double resolution = 0x1p-32;

    // Normalises errors in place. The smallest finite absolute value that is not 0 in the first call that has one
    // becomes the reference. Infinity and NaN stay as they are, and so does the order.
    void normalize(std::span<double> errors);
    [[nodiscard]] double normalized(double error);

  private:
    std::optional<double> reference_;
};

}  // namespace spikesmith
