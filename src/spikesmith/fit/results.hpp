// What a fit gives: the best parameters, how they were found, and every evaluation.
//
// Values only; writing them to files is the business of `report` and of the program. Numbers are SI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/optimize/parameter_space.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

// A parameter of the model in a fit.
struct FittedParameter {
    std::string name;
    Dimension dimension;
    double low = 0;  // bounds; both the fixed value if `fixed`
    double high = 0;
    Scale scale = Scale::linear;
    bool fixed = false;
    double value = 0;       // the best value; meaningless before there is a best
    bool at_bound = false;  // the best value is within 0.1 % of the range (on its scale) of a bound
    bool integer = false;   // whole numbers only
    std::string tied{};     // the expression it follows from; empty: it does not

    [[nodiscard]] bool searched() const { return !fixed && tied.empty(); }
};

// The error of one objective: one output under one metric.
struct ObjectiveError {
    std::string output;     // its name: the output, numbered if that has several metrics
    double raw = 0;         // before normalisation
    double normalized = 0;  // as summed
    Dimension raw_dimension;
    Dimension normalized_dimension;
};

struct BestFit {
    std::vector<double> parameters;          // SI, in the order of FitResult::parameters
    double error = 0;                        // sum of normalised errors, penalty included; FitResult::error_dimension
    std::vector<ObjectiveError> objectives;  // one per output, penalty not included
    double penalty = 0;
    std::size_t evaluation = 0;  // number of the evaluation since the last restart; of the one it was polished from
    bool polished = false;       // refined while the fit ran (polish.hpp), so no evaluation itself
};

// Why evaluations failed: their errors are NaN or infinite.
struct FailureCause {
    std::string what;            // "the error of `v` in trace 2 is NaN or infinite"; traces count from 1
    std::size_t count = 0;       // evaluations for which this is the first cause
    std::size_t evaluation = 0;  // the first of them
};

// An evaluation that no other is better than in all objectives.
struct ParetoPoint {
    std::size_t evaluation = 0;
    std::vector<double> parameters;  // SI, in the order of FitResult::parameters
    std::vector<double> objectives;  // normalised errors, in the order of FitResult::outputs
};

struct RoundRecord {
    double best_error = 0;        // so far; NaN while there is none
    double round_best_error = 0;  // of this round; NaN if all failed
    std::size_t n_failed = 0;     // evaluations of this round with a NaN or infinite error
};

enum class StopReason : std::uint8_t { rounds_done, callback, cancelled };

// Every evaluation since the last restart, in order. Row i is sample `sample(i)` of round `round(i)`.
class Evaluations {
  public:
    Evaluations() = default;
    Evaluations(std::vector<std::string> parameters, std::vector<std::string> outputs);

    [[nodiscard]] const std::vector<std::string>& parameters() const { return parameters_; }  // fitted ones
    [[nodiscard]] const std::vector<std::string>& outputs() const { return outputs_; }
    [[nodiscard]] std::size_t size() const { return first_.empty() ? 0 : first_.back() + rounds_.back().rows; }
    [[nodiscard]] std::size_t n_rounds() const { return rounds_.size(); }

    [[nodiscard]] std::size_t round(std::size_t i) const;
    [[nodiscard]] std::size_t first_of_round(std::size_t round) const { return first_[round]; }
    [[nodiscard]] std::size_t sample(std::size_t i) const;
    [[nodiscard]] std::span<const double> parameter_values(std::size_t i) const;  // SI
    [[nodiscard]] double error(std::size_t i) const;                              // NaN or infinite if it failed
    [[nodiscard]] std::span<const double> objective_errors(std::size_t i) const;  // normalised, one per output

    // One column of all evaluations: a parameter, "error", "round" or "sample". Throws ConfigError for another name.
    [[nodiscard]] std::vector<double> column(std::string_view name) const;

    // Appends a round: rows are parameter values, error, objective errors (these only if they differ from the error).
    void append(Array2 round);

  private:
    [[nodiscard]] std::span<const double> row(std::size_t i) const;

    std::vector<std::string> parameters_;
    std::vector<std::string> outputs_;
    std::vector<Array2> rounds_;      // one block per round: no reallocation of millions of rows
    std::vector<std::size_t> first_;  // number of the first evaluation of each round
};

struct FitResult {
    std::vector<FittedParameter>
        parameters;               // of the model, in its order, those with an initial value in the model excepted
    std::optional<BestFit> best;  // absent if every evaluation failed, or none was made
    // Of the errors. Objectives of unlike units, of which a front is wanted, have no sum: then the error is a plain number,
    // the distance from a perfect fit with each objective in units of its median over the first round with finite errors.
    Dimension error_dimension;
    std::size_t n_rounds = 0;            // since the last restart
    std::size_t n_evaluations = 0;       // since the last restart
    std::size_t n_failed = 0;            // of these: error NaN or infinite
    std::vector<FailureCause> failures;  // most frequent first
    // the front of a fit with a multi-objective optimiser, by rising first objective; empty for others
    std::vector<ParetoPoint> pareto_front;
    std::vector<RoundRecord> history;  // per round since the last restart
    StopReason stop_reason = StopReason::rounds_done;
    std::string method;                // integration method
    std::string optimizer;             // description
    std::vector<std::string> metrics;  // description per objective
    std::vector<std::string> outputs;  // names of the objectives
    std::uint64_t seed = 0;
    double seconds = 0;  // wall-clock time of this call; not reproducible
    double compile_seconds = 0;

    // Best value by name. Throws ConfigError for an unknown name, NumericalError if there is no best.
    [[nodiscard]] double operator[](std::string_view name) const;

    // One or two lines: best parameters and error.
    [[nodiscard]] std::string summary() const;
    // A page: table of parameters with bounds, errors per output, counts, why it stopped, settings.
    [[nodiscard]] std::string full_report() const;
};

// The evaluations that no other is better than in every objective, by rising first objective; failed ones never.
[[nodiscard]] std::vector<std::size_t> pareto_front(const Evaluations& evaluations);

// "E=-61.222 mV, R=61.675 Mohm" and "683.472 mV^2 (v)" or "2.52 (v, unnormalized error: 251.789 mV^2)" or
// "19.61 = 9.81 (v, unnormalized error: 980.527 mV^2) + 9.81 (w)": as callbacks and summaries show the best.
[[nodiscard]] std::string describe_parameters(std::span<const FittedParameter> parameters);
[[nodiscard]] std::string describe_error(const BestFit& best, const Dimension& error_dimension);

// Why an error that every evaluation shares is not finite, in words, for a result without best.
[[nodiscard]] std::string no_best_message(std::size_t n_evaluations);

}  // namespace spikesmith
