// A model as an experiment sees it: whatever data may drive is a parameter at first, and becomes an input while a waveform drives it;
// a state under a voltage clamp is an input, too. For Simulation and for what looks at clamps.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/model/model.hpp"

namespace spikesmith {

// Inputs and targets as parameters with the initial value 0, so that they can be set like any other.
[[nodiscard]] Model with_inputs_as_parameters(const Model& model);

// What a run drives and clamps: names of parameters, of states. To a clamped state belongs the current (a parameter) that its
// derivative is solved for; empty: chosen, see `clamp_current`.
struct DrivenNames {
    std::set<std::string> driven{};
    std::map<std::string, std::string> clamped{};
    std::set<std::string> held{};  // those of the clamped states that keep the value they have
    bool operator==(const DrivenNames&) const = default;
    auto operator<=>(const DrivenNames&) const = default;
};

// The model with these as inputs, or parameters where each candidate keeps its own value. Of a clamped state its equation and assignments to it in the reset are gone. Throws ConfigError for
// a driven parameter that the reset changes.
[[nodiscard]] Model with_driven(const Model& model, const DrivenNames& names);

// The current that must flow into the neuron, besides those that do, so that the state does not change: -f/a for dstate/dt = f, where
// a = df/d(current) contains no state. `current` empty: the only input, or else the parameter with a name as I_app or of the dimension
// of a current, that qualifies. Currents that are computed by assignments before the equation are looked through. Throws ModelError
// where there is none.
[[nodiscard]] Expression clamp_current(const Model& model, std::string_view state, const std::string& current,
                                       const std::vector<std::string>& inputs);

// What assignments compute before the equation of `state` in the same step, in terms of parameters and the other states; with an empty
// name what all assignments compute. Without those that have bounds or that use their own old value.
[[nodiscard]] Substitution assigned_values(const Model& model, std::string_view state = {});

// "v" for "v_clamp_current" if that is a state of the model and the whole name is no variable.
[[nodiscard]] std::optional<std::string> clamped_state_of(const Model& model, std::string_view name);

// Computes what a simulation starts with: each state and parameter of `model` is a state of this model, with its initial value;
// those in `given` are parameters, whose values are known.
[[nodiscard]] Model initial_value_model(const Model& model, const std::set<std::string>& given);

}  // namespace spikesmith
