// OptSearch: what an OptNeuron asks its optimiser and tells it, generation by generation. The same whether losses are computed or come
// from a checkpoint. For the files of this room.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/core/checksum.hpp"
#include "spikesmith/fit/opt_neuron.hpp"

namespace spikesmith {

// What all searches of an OptNeuron have found.
struct OptHistory {
    std::vector<OptEvaluation> evaluations;
    std::vector<OptGeneration> logbook;
    std::vector<FailureCause> failures;
    std::size_t n_failed = 0;
    std::size_t best = 0;  // in the evaluations, if best_loss is finite
    double best_loss = std::numeric_limits<double>::infinity();

    // The evaluations since the first of this generation; `failures`: why, one per evaluation, or none if not known.
    std::span<const OptEvaluation> add(std::vector<OptEvaluation> generation, std::span<const std::string> failures,
                                       double seconds);
};

class OptSearch {
  public:
    // All must outlive this object. `n_parts`: of the loss. The best of the history are told to the optimiser, as are the source
    // solutions.
    OptSearch(const OptNeuronOptions& options, const OptVariables& variables, std::size_t n_parts,
              const OptNeuronRunOptions& run, const OptHistory& history);

    // Whether a run with these options continues this search.
    [[nodiscard]] bool continues(const OptNeuronRunOptions& run) const;

    // Points of the unit cube to evaluate next, at most so many (rows); the same again until they are told.
    const Array2& next(std::size_t most, const OptHistory& history);
    void tell(std::span<const OptEvaluation> generation);
    // Candidates that are simulated together.
    [[nodiscard]] std::size_t block() const { return polishing_ ? polishing_population() : population_; }

    [[nodiscard]] const std::string& description() const { return description_; }
    [[nodiscard]] std::size_t population() const { return population_; }
    [[nodiscard]] std::size_t n_objectives() const { return n_objectives_; }
    [[nodiscard]] std::size_t first_evaluation() const { return first_; }  // in the history
    [[nodiscard]] std::size_t planned_evaluations() const { return planned_; }
    [[nodiscard]] std::size_t polish_evaluations() const { return polish_; }
    [[nodiscard]] const Checksum& points() const { return points_; }    // of all that were told
    [[nodiscard]] const Checksum& sources() const { return sources_; }  // of the source solutions
    // Evaluations that no other is better than in all parts of the loss.
    [[nodiscard]] std::vector<OptEvaluation> front(std::span<const OptEvaluation> evaluations) const;

  private:
    [[nodiscard]] Array2 points_of(const std::vector<OptEvaluation>& known) const;
    [[nodiscard]] OptimizerChoice choice_of(const OptNeuronRunOptions& run) const;
    void tell_foreign(const std::vector<OptEvaluation>& known);
    void note_errors(std::span<double> errors, const OptEvaluation& evaluation) const;
    [[nodiscard]] Array2 errors_of(std::span<const OptEvaluation> evaluations) const;
    [[nodiscard]] Array2 guesses(std::size_t most) const;
    [[nodiscard]] std::size_t polishing_population() const;
    void begin_polishing(const OptHistory& history);

    const OptNeuronOptions* options_;
    const OptVariables* variables_;
    std::string key_;  // method and options as they were given
    std::string description_;
    std::unique_ptr<Optimizer> optimizer_;
    std::size_t population_ = 0;
    std::size_t n_objectives_ = 1;
    std::size_t first_ = 0;
    std::size_t planned_ = 0;
    std::size_t polish_ = 0;
    bool polishing_ = false;
    bool guessing_ = false;  // the points that are open are guesses
    bool guessed_ = false;   // the guesses have been told, or there are none
    Candidates open_;        // asked and not told
    Checksum points_, sources_;
};

}  // namespace spikesmith
