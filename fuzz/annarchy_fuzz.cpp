// A neuron in ANNarchy's language in any form: an error or a model, never a crash, a hang or an expression that cannot be walked.
// A line `@` divides parameters, equations, functions, the spike condition, the reset and the refractory period.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "spikesmith/core/error.hpp"
#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/numerics/methods.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace spikesmith;
    std::string rest(reinterpret_cast<const char*>(data), size);
    std::array<std::string, 6> blocks;
    for (auto& block : blocks) {
        const std::size_t end = rest.find("\n@\n");
        block = rest.substr(0, end);
        rest.erase(0, end == std::string::npos ? end : end + 3);
    }
    AnnarchyNeuronText text;
    text.parameters.text = blocks[0];
    text.equations.text = blocks[1];
    text.functions.text = blocks[2];
    if (!blocks[3].empty()) text.spike = blocks[3];
    text.reset = blocks[4];
    text.refractory = blocks[5];
    try {
        const Model model = parse_annarchy(text);
        for (const auto& update : model.updates) (void)to_string(update.value);
        for (const auto& state : model.states) (void)symbols_of(state.derivative);
        for (const auto& name : model.variable_names()) {
            if (!model.find(name)) __builtin_trap();
        }
        (void)integrate(model, {.dt = 1e-4});
    } catch (const Error&) {
    }
    return 0;
}
