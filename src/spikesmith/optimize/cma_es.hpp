// CMA-ES: points are drawn from a normal distribution that learns the shape of the error's valley.
//
// Good at: 2 to some 100 parameters, correlated ones, curved and badly scaled valleys, batches of 10 to 1000, 10 to
// 10000 rounds. With noise too. Not for: fewer than about 10 rounds; errors with very many separate minima in few rounds
// (differential_evolution.hpp).
//
//   N. Hansen: The CMA evolution strategy: a tutorial. arXiv 1604.00772 (2016)
//   N. Hansen: Benchmarking a BI-population CMA-ES on the BBOB-2009 function testbed. GECCO (2009) 2389-2395: restarts
//   R. Ros, N. Hansen: A simple modification in CMA-ES. PPSN X (2008) 296-305: diagonal covariance
//
// The first points fill the cube evenly (Latin hypercubes: one population, two if at least 20 rounds are planned); the
// search starts at the mean of the best three. Bounds bend the space smoothly instead of cutting it (smooth_bounds.hpp),
// so minima on a bound are found like any other.
//
// A generation ends when as many points as the population have been told; a population is a whole number of batches.
// Late answers and foreign points take part in the next generation. Only the order of errors counts, except that a search
// has settled (and starts anew elsewhere) when errors differ by less than 1e-12 of themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

enum class CmaCovariance : std::uint8_t {
    full,       // d*(d+1)/2 numbers to be learnt; time per point grows as d^2
    diagonal,   // scales of single parameters, no correlations: learns about d/3 times faster
    automatic,  // diagonal above 200 dimensions
};

// What follows when a search has settled. Populations grow no further than the planned rounds allow: half as many
// generations as the last search took must be left.
enum class CmaRestarts : std::uint8_t {
    bipop,      // by turns a doubled population and a small one with a small first step, for equal numbers of points
    doubling,   // the population doubles (IPOP)
    unchanged,  // the same population
};

struct CmaEsOptions {
    std::size_t population = 0;  // at least 4; 0: the batch, but at least 4 + 3*ln(dimension); rounded up to batches
    double step =
        0.1;  // first standard deviation as a share of the bounds' distance, in (0, 1]; twice as much in restarts
    CmaCovariance covariance = CmaCovariance::automatic;
    bool active = true;  // learn from the worse half too
    CmaRestarts restarts = CmaRestarts::bipop;
    std::vector<double> start;  // first mean, in the unit cube; empty: where the first points are best

    friend bool operator==(const CmaEsOptions&, const CmaEsOptions&) = default;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice cma_es(CmaEsOptions options = {});

void visit_fields(OptionVisitor& visit, CmaEsOptions& options);  // all but `start`

}  // namespace spikesmith
