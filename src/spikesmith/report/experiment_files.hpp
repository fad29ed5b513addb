// A fit of an experiment (OptNeuron) as JSON, CSV, arrays and pictures; recordings of an experiment likewise.
//
// Numbers are SI (plain numbers of ANNarchy's models stay so) and written with the fewest digits that read back to the same double.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "spikesmith/data/numpy.hpp"
#include "spikesmith/fit/opt_neuron.hpp"
#include "spikesmith/report/svg_plot.hpp"

namespace spikesmith {

// Everything but recordings and times: best variables, constants, expressions, losses, settings, seed, every evaluation. Equal results give
// equal text. NaN and infinite numbers become null. `loss_names`: of the parts of the loss; may be empty.
[[nodiscard]] nlohmann::ordered_json to_json(const OptNeuronResult& result, const OptNeuronOptions& options,
                                             std::span<const std::string> loss_names = {});

// A row per evaluation: fitted variables, loss, deviation.
[[nodiscard]] std::string evaluations_csv(const OptNeuronResult& result);
[[nodiscard]] NamedArrays evaluation_arrays(const OptNeuronResult& result);

// Of the first candidate: `t` and each variable (chunks x samples, NaN after the end of shorter chunks), `spikes_<chunk>` in seconds.
// `suffix` goes behind every name: "_target".
[[nodiscard]] NamedArrays record_arrays(const SimulationRecord& record, const std::string& suffix = {});
// A row per sample: chunk (from 1), time, variables.
[[nodiscard]] std::string record_csv(const SimulationRecord& record);
[[nodiscard]] std::string record_spikes_csv(const SimulationRecord& record);  // a row per spike: chunk (from 1), time

// A panel per chunk and recorded variable; the target (may be null) behind the simulation. Spikes are a last panel.
[[nodiscard]] Plot record_plot(std::string title, std::span<const std::string> chunk_names,
                               const SimulationRecord& simulated, const SimulationRecord* target);
// Every evaluation and the best so far.
[[nodiscard]] Plot loss_plot(std::string title, const OptNeuronResult& result);

}  // namespace spikesmith
