// Checkpoint: a fit on disk. It holds what cannot be computed again, the errors of all evaluations; the points follow from the
// seed and the errors, since an optimiser repeats itself.
//
// The file is text (optimize/state_text.hpp) and starts with what identifies the problem, so that a file of another problem
// is refused with the difference in words. It ends with a checksum, so that a file of which a byte was changed or lost is
// refused too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/polish.hpp"
#include "spikesmith/fit/results.hpp"

namespace spikesmith {

// What must be the same for a fit to continue, as words and checksums.
struct ProblemIdentity {
    std::vector<std::pair<std::string, std::string>> entries;  // name of an aspect, its value
};

struct Checkpoint {
    ProblemIdentity problem;
    std::size_t planned_rounds = 0;  // as the optimiser was told
    std::size_t iteration = 0;       // of the next round
    struct Round {
        std::vector<double> errors;  // one per sample
        Array2 objectives;           // samples x objectives; empty where the sum says it all
    };
    std::vector<Round> rounds;
    std::vector<Polished> polished;  // by rising round
    std::vector<FailureCause> failures;
    std::optional<BestFit> best;  // dimensions are not stored
    std::uint64_t points = 0;     // checksum of all points, which the replay must give again
};

[[nodiscard]] std::string to_text(const Checkpoint& checkpoint);
// Throws DataError for a text that is damaged.
[[nodiscard]] Checkpoint parse_checkpoint(std::string_view text);

// Throws DataError that names the first difference.
void require_same_problem(const ProblemIdentity& found, const ProblemIdentity& expected);

}  // namespace spikesmith
