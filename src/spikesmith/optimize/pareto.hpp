// Pareto fronts: what several errors per point leave to choose from. All errors are minimised.
//
// A point dominates another if it is nowhere worse and somewhere better; a front is a set of points of which none
// dominates another. Rows with an error that is not finite are failures: they dominate nothing and everything else
// dominates them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"

namespace spikesmith {

[[nodiscard]] bool dominates(std::span<const double> a, std::span<const double> b);

// Rank of each row: 0 for the front, 1 for the front of what remains without it, and so on; failures come last, in a rank
// of their own. Equal rows have equal ranks. X. Zhang et al., IEEE Trans. Evol. Comput. 19 (2015) 201 (efficient
// non-dominated sort with binary search): n*log(n) comparisons for two errors, at most n**2 for more.
[[nodiscard]] std::vector<std::size_t> non_dominated_ranks(const Array2& errors);

// Crowding distance of each row within the rows `front` (K. Deb et al., IEEE Trans. Evol. Comput. 6 (2002) 182, section
// III-B), in the order of `front`: the mean side of the box between its neighbours, relative to the range of each error,
// infinity at the ends. The rows must be finite.
[[nodiscard]] std::vector<double> crowding_distances(const Array2& errors, std::span<const std::size_t> front);

// Volume of what the rows dominate up to the point `reference` (one coordinate per column). Rows that do not dominate it
// in every error count nothing. Exact: a sweep for two errors, else the WFG algorithm (L. While, L. Bradstreet, L. Barone,
// IEEE Trans. Evol. Comput. 16 (2012) 86). Time grows quickly with the number of errors: 100 points of 5 errors take
// milliseconds. Throws ConfigError if the shapes differ.
[[nodiscard]] double hypervolume(const Array2& errors, std::span<const double> reference);

// The front of all points shown so far.
class ParetoArchive {
  public:
    struct Entry {
        std::uint64_t id = 0;
        std::vector<double> point;
        std::vector<double> errors;
    };

    // With a capacity, the point in the most crowded place leaves when there are more; 0: no limit.
    explicit ParetoArchive(std::size_t capacity = 0) : capacity_(capacity) {}

    // True if the point was taken: no point in the archive dominates it or has the same errors, and none is a failure.
    bool add(std::uint64_t id, std::span<const double> point, std::span<const double> errors);

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }  // by id
    [[nodiscard]] Array2 errors() const;                                          // one row per entry

  private:
    void drop_most_crowded();

    std::size_t capacity_;
    std::vector<Entry> entries_;
};

}  // namespace spikesmith
