// Everything around fixed equations: the first line is the threshold, then come refractoriness, a constant and an initial value, a
// line each; the rest is the reset.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "spikesmith/core/error.hpp"
#include "spikesmith/lang/brian.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace spikesmith;
    std::string rest(reinterpret_cast<const char*>(data), size);
    std::array<std::string, 4> lines;
    for (auto& line : lines) {
        const std::size_t end = rest.find('\n');
        line = rest.substr(0, end);
        rest.erase(0, end == std::string::npos ? end : end + 1);
    }
    const BrianModelText text{.equations = {"equations",
                                            "dv/dt = (EL - v)/tau : volt (unless refractory)\nw : volt\nn : "
                                            "integer\non : boolean\nx = 2*v : volt\nEL : volt\n"
                                            "tau : second\n"},
                              .constants = {{"k", lines[2]}, {"l", "2*k"}},
                              .inputs = {},
                              .input_dimensions = {},
                              .targets = {"v"},
                              .threshold = lines[0],
                              .reset = rest,
                              .refractory = lines[1],
                              .initial_values = {{"v", lines[3]}, {"w", "v/2"}}};
    try {
        const Model model = parse_brian(text);
        for (const auto& assignment : model.reset) (void)symbols_of(model.inlined(assignment.value));
        for (const auto& initial : model.initial_values) (void)to_string(initial.value);
    } catch (const ModelError&) {
    } catch (const UnitError&) {
    }
    return 0;
}
