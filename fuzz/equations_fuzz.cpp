// Equations in any form: an error or a model, never a crash, a hang or an expression that cannot be walked.
#include <cstddef>
#include <cstdint>
#include <string>

#include "spikesmith/core/error.hpp"
#include "spikesmith/lang/brian.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace spikesmith;
    BrianModelText text;
    text.equations.text.assign(reinterpret_cast<const char*>(data), size);
    try {
        // With `I` as an undeclared input, inference runs too; if there is no `I`, the text is parsed without it.
        try {
            text.inputs = {"I"};
            (void)parse_brian(text);
        } catch (const ModelError&) {
            text.inputs.clear();
        }
        const Model model = parse_brian(text);
        for (const auto& state : model.states) (void)symbols_of(model.inlined(state.derivative));
        for (const auto& subexpression : model.subexpressions) {
            if (!has_random(subexpression.value))
                (void)evaluate(subexpression.value, [](const std::string&) { return 0.5; });
        }
        for (const auto& name : model.variable_names()) {
            if (!model.find(name)) __builtin_trap();
        }
    } catch (const ModelError&) {
    } catch (const UnitError&) {
    }
    return 0;
}
