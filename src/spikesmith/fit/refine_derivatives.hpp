// Derivatives of a fit by mean squared errors: J'r and J'J by the coordinates of the unit cube, for `refine` only.
//
// Three ways with one interface: exact derivatives of the simulated trajectory, summed while it is simulated (tangents); exact ones
// by a backward sweep, J'r only, at a cost that does not grow with the number of parameters (adjoint); and central differences of
// recorded traces, all of whose points are simulated side by side.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/fitter.hpp"
#include "spikesmith/fit/refine_statistics.hpp"
#include "spikesmith/optimize/least_squares.hpp"

namespace spikesmith {

inline constexpr double refine_iteration = 1e9;  // the model's `iteration` while refining

class FitDerivatives {
  public:
    virtual ~FitDerivatives() = default;
    // Rows of `points`: coordinates of the unit cube. Coordinates of whole numbers have no derivative. The adjoint leaves the
    // matrix empty.
    [[nodiscard]] virtual std::vector<LeastSquaresPoint> at(const Array2& points,
                                                            const std::atomic<bool>* cancelled) = 0;
    [[nodiscard]] virtual double compile_seconds() const = 0;
    [[nodiscard]] virtual double accuracy() const = 0;  // of the derivatives, relative
};

// Nothing if the derivative does not exist by some parameter that is searched; `reason` says why, or what the derivative does
// not see.
[[nodiscard]] std::unique_ptr<FitDerivatives> tangents_of_fit(const FitSetup& setup, std::string& reason);
[[nodiscard]] std::unique_ptr<FitDerivatives> adjoint_of_fit(const FitSetup& setup, std::string& reason);

[[nodiscard]] std::unique_ptr<FitDerivatives> differences_of_fit(const FitSetup& setup);

// Residuals of single points of the unit cube.
class ResidualRecorder {
  public:
    explicit ResidualRecorder(const FitSetup& setup);
    [[nodiscard]] Residuals at(std::span<const double> point);
    [[nodiscard]] double compile_seconds() const { return ensemble_.compile_seconds(); }

  private:
    const FitSetup& setup_;
    Ensemble ensemble_;
};

// Coordinates of the unit cube that are no whole numbers.
[[nodiscard]] std::vector<std::size_t> moving_coordinates(const FitParameters& parameters);

// Parameters of the program for rows of the unit cube.
[[nodiscard]] Array2 parameters_at(const FitParameters& parameters, const Array2& points);

// Points around `point` for central differences: two offsets for each coordinate, both on one side where a bound is near.
struct DifferenceOffsets {
    double a = 0;
    double b = 0;
    // The derivative from the changes of a function at both.
    [[nodiscard]] double slope(double change_a, double change_b) const {
        return (change_a * b / a - change_b * a / b) / (b - a);
    }
};
[[nodiscard]] DifferenceOffsets offsets_around(double coordinate, double width);

}  // namespace spikesmith
