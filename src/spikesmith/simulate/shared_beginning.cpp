#include "spikesmith/simulate/shared_beginning.hpp"

#include <algorithm>

#include "spikesmith/simulate/program_parts.hpp"

namespace spikesmith {
namespace {

std::size_t index_of(std::int32_t id) {
    return static_cast<std::size_t>(id);
}

bool differs_between_traces(const Code& code) {
    return std::ranges::any_of(code, [](const Instruction& i) {
        const bool random =
            i.source == Source::operation && (i.op == Op::uniform || i.op == Op::normal || i.op == Op::poisson);
        return random || i.source == Source::lane_index;
    });
}

bool has_operands(const Instruction& i) {
    return i.source == Source::operation || i.source == Source::fused;
}

// Which values compare with targets: they depend on comparing states, or on time inputs that the model does not read.
std::vector<bool> comparing_values(const UpdateProgram& program, const std::vector<bool>& states,
                                   const std::vector<bool>& model_reads) {
    std::vector<bool> comparing(program.step.size());
    for (std::size_t v = 0; v < program.step.size(); ++v) {
        const Instruction& i = program.step[v];
        comparing[v] = (i.source == Source::state && states[index_of(i.index)]) ||
                       (i.source == Source::time_input && !model_reads[index_of(i.index)]) ||
                       (has_operands(i) && std::ranges::any_of(i.args, [&](ValueId a) {
                            return a != no_value && comparing[index_of(a)];
                        }));
    }
    return comparing;
}

// Does the model need a comparing value? (Not of what fits make.)
bool model_needs(const UpdateProgram& program, const std::vector<bool>& states, const std::vector<bool>& comparing) {
    const auto needed = [&](ValueId v) { return v != no_value && comparing[index_of(v)]; };
    for (std::size_t s = 0; s < program.states.size(); ++s) {
        if (!states[s] && needed(program.states[s].next)) return true;
    }
    const auto any = [&](const std::vector<ValueId>& values) { return std::ranges::any_of(values, needed); };
    return needed(program.spike) ||
           std::ranges::any_of(program.outputs, [&](const ProgramOutput& output) { return needed(output.value); }) ||
           std::ranges::any_of(program.matrix_exponentials,
                               [&](const MatrixExponential& matrix) { return any(matrix.entries); }) ||
           (program.adaptive &&
            (any(program.adaptive->start) || std::ranges::any_of(program.adaptive->code, [&](const Instruction& i) {
                 return i.source == Source::outer && needed(i.args[0]);
             })));
}

// Numbers the states and time inputs of the new program: those of the model, then those that compare, trace by trace.
void number(SharedBeginning& made, const UpdateProgram& program, std::size_t n_traces, const std::vector<bool>& states,
            const std::vector<bool>& model_reads, std::vector<std::vector<std::int32_t>>& inputs) {
    made.states.assign(n_traces, std::vector<std::int32_t>(program.states.size()));
    inputs.assign(n_traces, std::vector<std::int32_t>(program.time_inputs.size()));
    const auto add_states = [&](std::size_t trace, bool comparing) {
        for (std::size_t s = 0; s < program.states.size(); ++s) {
            if (states[s] != comparing) continue;
            made.states[trace][s] = static_cast<std::int32_t>(made.program.states.size());
            made.program.states.push_back(program.states[s]);
        }
    };
    const auto add_inputs = [&](std::size_t trace, bool comparing) {
        for (std::size_t j = 0; j < program.time_inputs.size(); ++j) {
            if (model_reads[j] == comparing) continue;
            inputs[trace][j] = static_cast<std::int32_t>(made.inputs.size());
            made.inputs.push_back({trace, j});
            made.program.time_inputs.push_back(program.time_inputs[j]);
        }
    };
    add_states(0, false);
    add_inputs(0, false);
    std::ranges::fill(made.states, made.states[0]);
    std::ranges::fill(inputs, inputs[0]);
    for (std::size_t trace = 0; trace < n_traces; ++trace) {
        add_states(trace, true);
        add_inputs(trace, true);
    }
}

void write_program(SharedBeginning& made, const UpdateProgram& program, std::size_t n_traces,
                   const std::vector<bool>& states, const std::vector<bool>& model_reads,
                   const std::vector<bool>& comparing) {
    UpdateProgram& out = made.program;
    out.method = program.method;
    out.dt = program.dt;
    out.parameters = program.parameters;
    out.parameter_dimensions = program.parameter_dimensions;
    std::vector<std::vector<std::int32_t>> inputs;
    number(made, program, n_traces, states, model_reads, inputs);

    std::vector<std::vector<ValueId>> places(n_traces, std::vector<ValueId>(program.step.size(), no_value));
    for (std::size_t v = 0; v < program.step.size(); ++v) {
        for (std::size_t trace = 0; trace < n_traces; ++trace) {
            if (trace > 0 && !comparing[v]) {
                places[trace][v] = places[0][v];
                continue;
            }
            Instruction i = program.step[v];
            if (i.source == Source::state) i.index = made.states[trace][index_of(i.index)];
            if (i.source == Source::time_input) i.index = inputs[trace][index_of(i.index)];
            if (has_operands(i)) {
                for (ValueId& a : i.args) {
                    if (a != no_value) a = places[trace][index_of(a)];
                }
            }
            places[trace][v] = static_cast<ValueId>(out.step.size());
            out.step.push_back(i);
        }
    }
    for (std::size_t trace = 0; trace < n_traces; ++trace) {
        for (std::size_t s = 0; s < program.states.size(); ++s) {
            ProgramState& state = out.states[index_of(made.states[trace][s])];
            state.next = places[trace][index_of(program.states[s].next)];
            state.initial = no_value;
        }
    }

    const auto renumber = [&](ValueId& v) {
        if (v != no_value) v = places[0][index_of(v)];
    };
    out.outputs = program.outputs;
    for (ProgramOutput& output : out.outputs) renumber(output.value);
    out.spike = program.spike;
    renumber(out.spike);
    out.matrix_exponentials = program.matrix_exponentials;
    for (MatrixExponential& matrix : out.matrix_exponentials) std::ranges::for_each(matrix.entries, renumber);
    out.adaptive = program.adaptive;
    if (!out.adaptive) return;
    std::ranges::for_each(out.adaptive->start, renumber);
    for (std::int32_t& state : out.adaptive->states) state = made.states[0][index_of(state)];
    for (Instruction& i : out.adaptive->code) {
        if (i.source == Source::outer) renumber(i.args[0]);
    }
}

}  // namespace

std::vector<SharedBeginning> find_shared_beginnings(const UpdateProgram& program, const EnsembleData& data,
                                                    const TimeTable& table) {
    if (data.n_traces < 2 || differs_between_traces(program.init) || differs_between_traces(program.step) ||
        (program.adaptive && differs_between_traces(program.adaptive->code)))
        return {};
    const std::vector<bool> states = comparing_states(program), model_reads = read_by_model(program);
    const std::vector<bool> comparing = comparing_values(program, states, model_reads);
    if (model_needs(program, states, comparing)) return {};

    const auto common_steps = [&](std::size_t trace, std::size_t other, std::size_t n_steps) {
        n_steps = std::min({n_steps, data.steps(trace), data.steps(other)});
        for (std::size_t j = 0; j < model_reads.size() && n_steps > 0; ++j) {
            if (model_reads[j]) n_steps = table.common_steps(j, trace, other, n_steps);
        }
        return n_steps;
    };
    std::vector<SharedBeginning> groups;
    for (std::size_t trace = 0; trace < data.n_traces; ++trace) {
        const auto own = std::ranges::find_if(
            groups, [&](const SharedBeginning& group) { return common_steps(group.traces.front(), trace, 1) == 1; });
        if (own == groups.end()) {
            groups.push_back(
                {.traces = {trace}, .n_steps = data.steps(trace), .program = {}, .inputs = {}, .states = {}});
        } else {
            own->n_steps = common_steps(own->traces.front(), trace, own->n_steps);
            own->traces.push_back(trace);
        }
    }
    std::erase_if(groups, [](const SharedBeginning& group) { return group.traces.size() == 1; });
    for (SharedBeginning& group : groups) {
        group.program_as_given =
            std::ranges::find(comparing, true) == comparing.end() && std::ranges::find(states, true) == states.end();
        if (!group.program_as_given) write_program(group, program, group.traces.size(), states, model_reads, comparing);
    }
    return groups;
}

}  // namespace spikesmith
