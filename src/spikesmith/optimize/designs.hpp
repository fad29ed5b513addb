// Designs: points that fill the unit cube evenly, for first rounds of optimisers and for searches that only sample.
//
//     const Design sobol = sobol_design(dimension, seed);
//     for (std::uint64_t k = 0; k < 30; ++k) sobol.point(k, points.row(k));     // any k, in any order
//
//     FitOptions options{.optimizer = sobol_search()};                          // a whole search: as optimiser "sobol"
//
// Point k follows from (seed, k) alone, so a design may be asked for in any parts. Which one:
//   * Sobol: the best filling for powers of two (of the first 2^32 points); up to `sobol_dimensions` parameters, beyond
//     them Halton coordinates;
//   * Latin hypercube: every coordinate is spread evenly over its range for any number of points, known in advance;
//   * Halton: fills evenly for any number of points, up to some 20 parameters;
//   * random: independent points; the yardstick for everything else.
//
//   M. McKay, R. Beckman, W. Conover: Technometrics 21 (1979) 239-245: Latin hypercubes
//   M. Johnson, L. Moore, D. Ylvisaker: J. Statistical Planning and Inference 26 (1990) 131-148: maximin designs
//   S. Joe, F. Kuo: SIAM J. Scientific Computing 30 (2008) 2635-2654: direction numbers of Sobol's sequence
//   A. Owen: J. Complexity 14 (1998) 466-489; B. Burley: J. Computer Graphics Techniques 9(4) (2020) 1-20: scrambling
//   A. Owen: A randomized Halton algorithm in R. arXiv:1706.02808 (2017): scrambled Halton points
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

// Points 0, 1, 2, ... of the unit cube; a value, cheap to copy.
struct Design {
    std::size_t dimension = 0;
    // Point k into `point`, which has `dimension` coordinates; all in [0, 1).
    std::function<void(std::uint64_t k, std::span<double> point)> point;

    // Points first ... first + n - 1, one row each.
    [[nodiscard]] Array2 points(std::uint64_t first, std::size_t n) const;
};

// Dimensions for which there are direction numbers.
inline constexpr std::size_t sobol_dimensions = 64;

[[nodiscard]] Design random_design(std::size_t dimension, std::uint64_t seed);
// Nested uniform (Owen) scrambling; without it points are those of the tables, the first one 0.
[[nodiscard]] Design sobol_design(std::size_t dimension, std::uint64_t seed, bool scrambled = true);
// Each digit is permuted at random; without it point k is the plain radical inverse of k.
[[nodiscard]] Design halton_design(std::size_t dimension, std::uint64_t seed, bool scrambled = true);
// Blocks of `block` points (at least 1), each a Latin hypercube of its own.
[[nodiscard]] Design latin_hypercube_design(std::size_t dimension, std::size_t block, std::uint64_t seed);
// The same, but each block is the one of `candidates` Latin hypercubes (at least 1) whose nearest points are farthest
// apart; takes candidates * block^2 * dimension / 2 steps per block.
[[nodiscard]] Design maximin_design(std::size_t dimension, std::size_t block, std::uint64_t seed,
                                    std::size_t candidates = 50);

// Searches that ask for the points of a design and learn nothing from errors but the best point. Each is an optimiser
// of the name of its function without `_search`, random search "random_search".

struct LatinHypercubeOptions {
    std::size_t block =
        0;                 // points per hypercube; 0: all of the search if its length is known, else the batch (or 100)
    bool maximin = false;  // points far from each other: the best of 50 hypercubes
};
struct SobolOptions {
    bool scrambled = true;
};
struct HaltonOptions {
    bool scrambled = true;
};
struct RandomSearchOptions {};

[[nodiscard]] OptimizerChoice random_search(RandomSearchOptions options = {});
[[nodiscard]] OptimizerChoice latin_hypercube_search(LatinHypercubeOptions options = {});
[[nodiscard]] OptimizerChoice sobol_search(SobolOptions options = {});
[[nodiscard]] OptimizerChoice halton_search(HaltonOptions options = {});

void visit_fields(OptionVisitor& visit, RandomSearchOptions& options);
void visit_fields(OptionVisitor& visit, LatinHypercubeOptions& options);
void visit_fields(OptionVisitor& visit, SobolOptions& options);
void visit_fields(OptionVisitor& visit, HaltonOptions& options);

}  // namespace spikesmith
