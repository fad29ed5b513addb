// The neuron language of ANNarchy: text in, checked Model out, for the same kernels as Brian's language. docs/annarchy.md is its
// reference and lists the differences.
//
// The language has no units: a Model from here is dimensionless, all times in the text are milliseconds. The Model keeps seconds
// as every Model does: derivatives are per second (1000 times those of the text), `t` and `dt` of the text are 1000 times those of
// the Model. The order of the equations and the method of each are in Model::updates.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/core/error.hpp"
#include "spikesmith/model/model.hpp"

namespace spikesmith {

// Everything that makes a neuron, as the user writes it. Only `equations` is required. With `spike` it is a spiking neuron,
// without it a rate-coded one, which must have a variable or parameter `r`.
struct AnnarchyNeuronText {
    std::string name{};
    SourceText parameters{"parameters", {}};  // "tau = 10.0 : population"
    SourceText equations{"equations", {}};    // "tau*dv/dt + v = I : init=-65, max=30, exponential"
    std::optional<std::string> spike{};       // "v > 30"
    std::string reset{};                      // "v = c; u += d"
    std::string refractory{};                 // milliseconds: "", "5.0", "tau_refrac" or an expression
    SourceText functions{"functions", {}};    // "logistic(x) = 1/(1 + exp(-x))"
    std::string method = "explicit";  // of equations without a flag: explicit, implicit, semiimplicit, exponential,
                                      // midpoint or rk4
    // Named constants, as numbers or expressions of numbers; parameters and variables of the same name hide them.
    std::vector<std::pair<std::string, std::string>> constants{};
    // What data drive: parameters or undeclared names; `sum_exc` is what `sum(exc)` reads, `spikes_exc` is added to `g_exc` at the start
    // of every step (weight times number of the incoming spikes).
    std::vector<std::string> inputs{};
    std::vector<std::string> targets{};  // variables with data: `<name>_target` becomes readable
    // variable or parameter -> expression; instead of the `init` of the text
    std::vector<std::pair<std::string, std::string>> initial_values{};
};

// Every parameter has its value as an initial value, so a fit or a simulation names only those that it changes. Throws ModelError with
// line, column, caret and hint. Warnings (an undeclared `g_L` taken for a conductance, ...) are appended to `warnings` if given.
[[nodiscard]] Model parse_annarchy(const AnnarchyNeuronText& text, std::vector<std::string>* warnings = nullptr);

}  // namespace spikesmith
