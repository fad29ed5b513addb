// Simulations: parameters and what they produced, the training set of an inference.
//
// A feature that a simulation does not have (a latency without a spike) is NaN in `x`; so is everything of a simulation that
// failed. Infinite values count as missing too. What happens to such rows is the MissingPolicy's business; whatever it is, they
// are counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"

namespace spikesmith {

struct Simulations {
    Array2 theta;                      // n x D, SI
    Array2 x;                          // n x C; NaN: missing
    std::vector<std::uint32_t> round;  // of each row; 0: drawn from the prior

    [[nodiscard]] std::size_t size() const { return theta.rows; }
    // Throws DataError if rows or columns do not fit.
    void append(const Simulations& more);
    // The rows of these indices.
    [[nodiscard]] Simulations select(const std::vector<std::size_t>& rows) const;
};

// Features of the rows of `theta`. Row i is simulation `first + i`: its noise, if the model has any, is keyed by that number.
using Simulator = std::function<Array2(const Array2& theta, std::uint64_t first)>;

// What becomes of rows with missing features.
enum class MissingPolicy {
    // The network is told which features are missing and learns from all rows: the posterior of every method is right, with and without
    // missing features in the observation. Likelihood estimators, whose density is over x, learn from the rows that miss
    // what the observation misses, times the probability of that as a second network learns it.
    mask,
    // Rows that miss anything are left out. Right for one round of posterior estimation if the observation is complete; else the rows left
    // out bias the posterior towards parameters that seldom fail, so here too a second network learns the probability of
    // being complete, and it is multiplied with the likelihood.
    drop,
    // As `drop`; and later rounds with truncated proposals draw only where simulations are, by the second network, not more seldom
    // complete than in all but a fraction `truncation` of the posterior so far.
    restrict_prior,
};

// How much is missing.
struct MissingCounts {
    std::size_t rows = 0;
    std::size_t incomplete = 0;             // rows that miss something
    std::size_t failed = 0;                 // of these: miss everything
    std::size_t dropped = 0;                // not learned from
    std::vector<std::size_t> of_feature{};  // rows that miss it

    // "120 of 1000 simulations lack features (12.0 %), 3 failed; 0 left out"; empty if nothing is missing.
    [[nodiscard]] std::string summary() const;
};

[[nodiscard]] MissingCounts count_missing(const Array2& x);
// Infinite values become NaN.
void mark_missing(Array2& x);

}  // namespace spikesmith
