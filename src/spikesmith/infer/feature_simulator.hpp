// FeatureSimulator: the model with its recordings as an inference sees them: theta in, x out, and the x of the recordings (internal to
// Inferencer).
//
// Rows of theta have one column per parameter, in the order of `names` given with them (that of a prior). Simulations are numbered: the same
// number, theta and seed give the same noise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/fit/parameters.hpp"
#include "spikesmith/fit/trace_data.hpp"
#include "spikesmith/infer/inferencer.hpp"
#include "spikesmith/infer/predictive_traces.hpp"
#include "spikesmith/infer/summary_statistics.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

class FeatureSimulator {
  public:
    // Throws as Inferencer's constructor.
    explicit FeatureSimulator(InferencerOptions options);

    [[nodiscard]] const InferencerOptions& options() const { return options_; }
    [[nodiscard]] const TraceData& data() const { return data_; }
    [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }  // that are inferred
    [[nodiscard]] const std::vector<std::string>& feature_names() const { return feature_names_; }
    [[nodiscard]] const std::vector<double>& observation() const { return observation_; }

    // x of theta, NaN where a simulation failed or has no such feature; row i is simulation `first + i`.
    [[nodiscard]] Array2 features(const Array2& theta, const std::vector<std::string>& names, std::uint64_t first);
    // Whole traces; `outputs` as of Inferencer::generate_traces.
    [[nodiscard]] PredictiveTraces traces(const Array2& theta, const std::vector<std::string>& names,
                                          std::vector<std::string> outputs, std::uint64_t first) const;

  private:
    // A feature group at its place in x.
    struct PlacedGroup {
        SummaryGroup group;
        std::size_t output = 0;            // number among the outputs; unused for spikes
        std::vector<std::size_t> first;    // per trace: index into x
        std::vector<std::size_t> samples;  // per trace: of the compared trace

        [[nodiscard]] bool of_spikes() const { return group.output == spikes_output; }
        [[nodiscard]] std::size_t values(std::size_t trace) const;
        void fill(const SummaryInput& input, std::span<double> x) const;
        // Of several simulations of one trace, `rows` of x.
        void fill_block(std::span<const SummaryInput> inputs, std::span<const std::size_t> rows, Array2& x) const;
    };

    void place_groups();
    void observe();
    [[nodiscard]] Ensemble make_ensemble(std::vector<std::string> outputs) const;
    // Without values yet.
    [[nodiscard]] SummaryInput input_of(const PlacedGroup& group, std::size_t trace) const;
    void summarize(const BlockView& block, Array2& x) const;
    // Columns in the order of the program.
    [[nodiscard]] Array2 program_parameters(const Array2& theta, const std::vector<std::string>& names) const;

    InferencerOptions options_;
    TraceData data_;
    std::vector<Parameter> parameters_;
    std::vector<PlacedGroup> groups_;
    std::vector<std::string> feature_names_;
    std::vector<double> observation_;
    Ensemble ensemble_;
};

}  // namespace spikesmith
