// Polish: while a global fit runs, its best parameters are refined now and then, and the result is told to the optimiser.
//
// For fits whose budget is small: the optimiser then searches around an optimum instead of a guess. The polished point is no
// evaluation of the fit: it does not count as one, but may become its best.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/results.hpp"

namespace spikesmith {

struct FitterOptions;
struct FitOptions;
class Refiner;

struct PolishOptions {
    std::size_t every = 0;  // rounds; 0: never
    std::size_t max_iterations = 30;

    friend bool operator==(const PolishOptions&, const PolishOptions&) = default;
};

// A polished point that was better than all evaluations before it.
struct Polished {
    std::size_t after_rounds = 0;    // since the last restart
    std::vector<double> point;       // of the unit cube
    double error = 0;                // as the fit computes it
    std::vector<double> objectives;  // normalised
    double penalty = 0;
};

// Compiles once.
class Polisher {
  public:
    // Throws what Refiner throws for problems that cannot be refined.
    Polisher(const FitterOptions& fitter, const FitOptions& search, const PolishOptions& options);
    Polisher(Polisher&&) noexcept;
    Polisher& operator=(Polisher&&) noexcept;
    ~Polisher();

    // Refines from parameters with their best values: a point of the unit cube; nothing if interrupted.
    [[nodiscard]] std::optional<Array2> polish(std::span<const FittedParameter> best,
                                               const std::atomic<bool>* cancelled);

  private:
    PolishOptions options_;
    std::unique_ptr<Refiner> refiner_;
};

}  // namespace spikesmith
