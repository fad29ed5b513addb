#include "spikesmith/numerics/update_program.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {
namespace {

template <class Items>
std::optional<std::int32_t> position(const Items& items, std::string_view name) {
    for (std::size_t k = 0; k < items.size(); ++k) {
        if (items[k].name == name) return static_cast<std::int32_t>(k);
    }
    return std::nullopt;
}

std::string_view kind_name(TimeInput::Kind kind) {
    switch (kind) {
        case TimeInput::Kind::input:
            return "input";
        case TimeInput::Kind::target:
            return "target";
        case TimeInput::Kind::weight:
            break;
    }
    return "weight";
}

// Prints the code of one stage; values are %0, %1, ... and leaves are written where they are used.
class Printer {
  public:
    Printer(const UpdateProgram& program, const Code& code) : program_(program), code_(code) {}

    [[nodiscard]] std::string operand(ValueId id) const {
        const Instruction& i = code_[static_cast<std::size_t>(id)];
        return is_leaf(i) ? leaf(i) : fmt::format("%{}", id);
    }

    [[nodiscard]] std::string stage(Stage wanted) const {
        std::string out;
        for (std::size_t k = 0; k < code_.size(); ++k) {
            const Instruction& i = code_[k];
            if (i.stage != wanted || is_leaf(i)) continue;
            out += fmt::format("    %{} = {}\n", k, operation(i));
        }
        return out;
    }

  private:
    static bool is_leaf(const Instruction& i) {
        return (i.source == Source::operation && i.op == Op::number) ||
               (i.source != Source::operation && i.source != Source::fused);
    }

    [[nodiscard]] std::string leaf(const Instruction& i) const {
        const auto index = static_cast<std::size_t>(i.index);
        switch (i.source) {
            case Source::operation:
                return fmt::format("{}", i.number);
            case Source::parameter:
                return program_.parameters[index];
            case Source::state:
                return program_.states[index].name;
            case Source::time_input: {
                const auto& input = program_.time_inputs[index];
                const std::string_view when = input.offset == 0 ? "t" : input.offset == 1 ? "t + dt" : "t + dt/2";
                return input.kind == TimeInput::Kind::input
                           ? fmt::format("{}({})", input.name, when)
                           : fmt::format("{}[{}]({})", kind_name(input.kind), input.name, when);
            }
            case Source::time:
                return i.number == 0 ? "t" : fmt::format("(t + {}*dt)", i.number);
            case Source::step_index:
                return "k";
            case Source::lane_index:
                return "i";
            case Source::lane_count:
                return "N";
            case Source::iteration:
                return "iteration";
            case Source::matrix_exponential:
                return fmt::format("expm{}[{}]", i.args[0], i.index);
            case Source::adaptive:
                return fmt::format("solved({})",
                                   program_.states[static_cast<std::size_t>(program_.adaptive->states[index])].name);
            case Source::recorded:
                return fmt::format("recorded[{}]", i.index);
            case Source::outer:
                return fmt::format("outer(%{})", i.args[0]);
            case Source::solver_state:
                return program_.states[static_cast<std::size_t>(program_.adaptive->states[index])].name;
            case Source::solver_time:
                return "t";
            case Source::fused:
                break;
        }
        return "?";
    }

    [[nodiscard]] std::string operation(const Instruction& i) const {
        const auto arg = [&](int k) { return operand(i.args[static_cast<std::size_t>(k)]); };
        if (i.source == Source::fused) return fmt::format("{} * {} + {}", arg(0), arg(1), arg(2));
        if (i.op == Op::uniform || i.op == Op::normal) return fmt::format("{}() #{}", op_name(i.op), i.index);
        const int n = arity(i.op);
        const bool word = std::isalpha(static_cast<unsigned char>(op_name(i.op)[0])) != 0 && i.op != Op::logical_and &&
                          i.op != Op::logical_or;
        if (n == 1)
            return word ? fmt::format("{}({})", op_name(i.op), arg(0)) : fmt::format("{}{}", op_name(i.op), arg(0));
        if (n == 2)
            return word ? fmt::format("{}({}, {})", op_name(i.op), arg(0), arg(1))
                        : fmt::format("{} {} {}", arg(0), op_name(i.op), arg(1));
        return fmt::format("{}({}, {}, {})", op_name(i.op), arg(0), arg(1), arg(2));
    }

    const UpdateProgram& program_;
    const Code& code_;
};

}  // namespace

std::optional<std::int32_t> UpdateProgram::find_state(std::string_view name) const {
    return position(states, name);
}
std::optional<std::int32_t> UpdateProgram::find_output(std::string_view name) const {
    return position(outputs, name);
}

std::string to_string(const UpdateProgram& program) {
    const Printer step(program, program.step), init(program, program.init);
    std::string out = fmt::format("method {}, dt = {:g} s\n", program.method, program.dt);
    const auto section = [&](std::string_view title, const std::string& text) {
        if (!text.empty()) out += fmt::format("  {}:\n{}", title, text);
    };
    std::string initial;
    for (const Stage stage : {Stage::parameter, Stage::time, Stage::step}) initial += init.stage(stage);
    for (const auto& state : program.states)
        initial += fmt::format("    {} <- {}\n", state.name, init.operand(state.initial));
    section("initial values", initial);
    section("once per parameter set", step.stage(Stage::parameter));
    std::string matrices;
    for (std::size_t m = 0; m < program.matrix_exponentials.size(); ++m) {
        const auto& matrix = program.matrix_exponentials[m];
        matrices += fmt::format("    expm{} = exp of {}x{} [", m, matrix.n, matrix.n);
        for (std::size_t k = 0; k < matrix.entries.size(); ++k) {
            matrices += fmt::format("{}{}",
                                    k == 0                                        ? ""
                                    : k % static_cast<std::size_t>(matrix.n) == 0 ? "; "
                                                                                  : ", ",
                                    step.operand(matrix.entries[k]));
        }
        matrices += "]\n";
    }
    section("matrix exponentials", matrices);
    section("once per step, for all parameter sets", step.stage(Stage::time));
    section("once per step and parameter set", step.stage(Stage::step));
    if (program.adaptive) {
        const Printer inner(program, program.adaptive->code);
        std::string text;
        for (const Stage stage : {Stage::parameter, Stage::time, Stage::step}) text += inner.stage(stage);
        for (std::size_t s = 0; s < program.adaptive->states.size(); ++s) {
            text += fmt::format("    d{}/dt = {}\n",
                                program.states[static_cast<std::size_t>(program.adaptive->states[s])].name,
                                inner.operand(program.adaptive->derivative[s]));
        }
        if (program.adaptive->threshold != no_value)
            text += fmt::format("    past the threshold = {}\n", inner.operand(program.adaptive->threshold));
        section("adaptive solution inside the step", text);
    }
    std::string results;
    for (const auto& output : program.outputs)
        results += fmt::format("    record {} = {}\n", output.name, step.operand(output.value));
    if (program.spike != no_value) results += fmt::format("    spike = {}\n", step.operand(program.spike));
    for (const auto& state : program.states)
        results += fmt::format("    {} <- {}\n", state.name, step.operand(state.next));
    section("results of the step", results);
    return out;
}

}  // namespace spikesmith
