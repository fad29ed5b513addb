// The search of an OptNeuron in a checkpoint file (checkpoint.hpp) and back. For the files of this room.
#pragma once

#include <cstdint>
#include <filesystem>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/fit/checkpoint.hpp"
#include "spikesmith/fit/opt_search.hpp"

namespace spikesmith {

// What functions of the user do cannot be read, only what they gave for two known candidates.
struct OptProblemSums {
    Checksum model, experiment, target, loss;
};

void add_to(Checksum& sum, const SimulationRecord& record);  // without its data

[[nodiscard]] ProblemIdentity identity_of(const OptNeuronOptions& options, const OptVariables& variables,
                                          const OptProblemSums& sums, const OptSearch& search);

// Throws ConfigError if other searches came before this one: a file holds one.
void write_checkpoint(const ProblemIdentity& identity, const OptSearch& search, const OptHistory& history,
                      const std::filesystem::path& path);

// Repeats the generations of a checkpoint of the same problem in a new search and an empty history. Throws DataError if they
// contradict each other.
void replay(const Checkpoint& checkpoint, const OptVariables& variables, std::size_t n_parts, OptSearch& search,
            OptHistory& history);

}  // namespace spikesmith
