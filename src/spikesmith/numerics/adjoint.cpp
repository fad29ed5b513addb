#include "spikesmith/numerics/adjoint.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/dependence.hpp"
#include "spikesmith/numerics/linearisation.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/numerics/tangents.hpp"

namespace spikesmith {
namespace {

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

// Derivatives of the error by the values of a code, from the last to the first.
class ReverseSweep {
  public:
    explicit ReverseSweep(ProgramBuilder& builder) : builder_(builder) {}

    void seed(ValueId value, ValueId adjoint) { terms_[value].push_back({{}, adjoint}); }
    // What only a branch needs gets nothing where another was taken, also if its derivatives are infinite there.
    void run(const LinearisedGraph& graph) {
        for (auto it = graph.vertices().rbegin(); it != graph.vertices().rend(); ++it) {
            const ValueId own = adjoint(*it);
            if (builder_.is_number(own, 0)) continue;
            const Weight needed{.mask = common_mask(*it)};
            for (const auto& [from, weight] : graph.into(*it))
                terms_[from].push_back({product(builder_, weight, needed), own});
        }
    }
    [[nodiscard]] ValueId adjoint(ValueId value) {
        const auto it = terms_.find(value);
        return it == terms_.end() ? builder_.number(0) : weighted_sum(builder_, it->second);
    }

  private:
    [[nodiscard]] Mask common_mask(ValueId value) const {
        const auto& terms = terms_.at(value);
        const Mask first = terms.front().weight.mask;
        const bool same = std::all_of(terms.begin(), terms.end(),
                                      [&](const WeightedValue& term) { return term.weight.mask == first; });
        return same ? first : Mask{};
    }

    ProgramBuilder& builder_;
    std::map<ValueId, std::vector<WeightedValue>> terms_;
};

// A program of the adjoint states, without code.
UpdateProgram empty_adjoint(const UpdateProgram& program, const std::vector<std::string>& parameters) {
    UpdateProgram made = program;
    made.states.clear();
    made.outputs.clear();
    made.spike = no_value;
    made.online_errors.clear();
    made.observed.clear();
    made.init.clear();
    ProgramBuilder init(made.init);
    NormalEquations sums;
    const auto add = [&](const std::string& name) {
        sums.gradient.push_back(static_cast<std::int32_t>(made.states.size()));
        made.states.push_back({.name = name, .dimension = {}, .next = no_value, .initial = init.number(0)});
    };
    for (const auto& state : program.states) add("@adjoint_" + state.name);
    for (const auto& parameter : parameters) add("@gradient_" + parameter);
    made.normal_equations = std::move(sums);  // gaps in the targets are allowed
    return made;
}

// Takes out of the step what depends on the parameters only: it becomes the outputs of the program that is returned, and parameters of
// the step.
UpdateProgram take_out_prepared(UpdateProgram& step) {
    UpdateProgram prepared = step;
    prepared.states.clear();
    prepared.normal_equations.reset();
    prepared.adaptive.reset();
    const Code& code = prepared.step;
    const auto prepares = [&](const Instruction& i) {
        return i.stage == Stage::parameter && i.type == ProgramType::real && i.source != Source::parameter;
    };
    std::vector<bool> taken(code.size(), false);
    const auto use = [&](ValueId v) {
        if (v != no_value && prepares(code[at(v)])) taken[at(v)] = true;
    };
    for (const Instruction& i : code) {
        if ((i.source != Source::operation && i.source != Source::fused) || prepares(i)) continue;
        for (const ValueId v : i.args) use(v);
    }
    for (const auto& state : step.states) use(state.next);
    for (const auto& matrix : step.matrix_exponentials) {
        for (const ValueId v : matrix.entries) use(v);
    }
    for (std::size_t v = 0; v < code.size(); ++v) {
        if (!taken[v]) continue;
        const std::string name = fmt::format("@prepared_{}", prepared.outputs.size());
        prepared.outputs.push_back({.name = name, .dimension = {}, .value = static_cast<ValueId>(v)});
        step.step[v] = {.source = Source::parameter,
                        .stage = Stage::parameter,
                        .index = static_cast<std::int32_t>(step.parameters.size())};
        step.parameters.push_back(name);
    }
    const bool matrices = std::any_of(step.step.begin(), step.step.end(),
                                      [](const Instruction& i) { return i.source == Source::matrix_exponential; });
    if (!matrices) step.matrix_exponentials.clear();
    finish(prepared);
    return prepared;
}

}  // namespace

AdjointProgram adjoint_of(const UpdateProgram& program, const std::vector<std::string>& parameters) {
    if (!program.tangents.empty() || program.normal_equations)
        throw NumericalError("programs with tangents have no further derivatives");
    std::vector<std::int32_t> numbers;
    for (const auto& name : parameters) {
        if (const auto answer = differentiability(program, name); !answer.differentiable)
            throw NumericalError(answer.reason, "use finite differences for this parameter");
        const auto it = std::find(program.parameters.begin(), program.parameters.end(), name);
        numbers.push_back(static_cast<std::int32_t>(it - program.parameters.begin()));
    }
    const auto dependence = dependence_on(program, numbers, Influence::smooth);
    std::vector<ValueId> observed;
    for (const auto& error : program.observed)
        observed.push_back(program.outputs[at(program.find_output(error.output).value())].value);
    const auto behind = values_behind(program, observed);
    const std::size_t n_states = program.states.size(), n_parameters = program.parameters.size();
    const auto source_of = [](const Code& code, Source source, std::int32_t index) {
        const auto it = std::find_if(code.begin(), code.end(),
                                     [&](const Instruction& i) { return i.source == source && i.index == index; });
        return it == code.end() ? no_value : static_cast<ValueId>(it - code.begin());
    };

    AdjointProgram made{.prepared = {},
                        .step = empty_adjoint(program, parameters),
                        .initial = empty_adjoint(program, parameters),
                        .gradient = {}};
    for (std::size_t p = 0; p < parameters.size(); ++p)
        made.gradient.push_back(static_cast<std::int32_t>(n_states + p));
    {
        UpdateProgram& step = made.step;
        // what the forward step reads as its states is handed in
        for (std::size_t v = 0; v < program.step.size(); ++v) {
            if (step.step[v].source != Source::state) continue;
            step.step[v].source = Source::parameter;
            step.step[v].index += static_cast<std::int32_t>(n_parameters);
        }
        ProgramBuilder b(step.step);
        std::vector<bool> active(program.step.size());
        for (std::size_t v = 0; v < active.size(); ++v) {
            active[v] = behind[v] && any(dependence.step[v]);
            const Source source = program.step[v].source;
            if (active[v] && (source == Source::adaptive || source == Source::matrix_exponential))
                throw NumericalError(fmt::format("`{}` has no adjoint for these parameters", program.method),
                                     "use tangents");
        }
        const LinearisedGraph graph(b, active);
        ReverseSweep sweep(b);
        for (std::size_t s = 0; s < n_states; ++s) {
            const ValueId next = program.states[s].next;
            if (active[at(next)]) sweep.seed(next, b.source(Source::state, static_cast<std::int32_t>(s), Stage::step));
        }
        for (const auto& error : program.observed) {
            const ValueId value = program.outputs[at(program.find_output(error.output).value())].value;
            if (active[at(value)]) sweep.seed(value, error_slopes(program, b, error).weighted_difference);
        }
        sweep.run(graph);
        const auto adjoint_of_source = [&](Source source, std::int32_t index) {
            const ValueId v = source_of(program.step, source, index);
            return v != no_value && active[at(v)] ? sweep.adjoint(v) : b.number(0);
        };
        for (std::size_t s = 0; s < n_states; ++s)
            step.states[s].next = adjoint_of_source(Source::state, static_cast<std::int32_t>(s));
        for (std::size_t p = 0; p < parameters.size(); ++p) {
            const auto own = b.source(Source::state, made.gradient[p], Stage::step);
            step.states[n_states + p].next = b.add(own, adjoint_of_source(Source::parameter, numbers[p]));
        }
        for (const auto& state : program.states) step.parameters.push_back("@" + state.name);
        made.prepared = take_out_prepared(step);
        made.prepared.parameters = program.parameters;
        finish(step);
    }
    {
        UpdateProgram& initial = made.initial;
        initial.step = program.init;
        initial.matrix_exponentials.clear();
        initial.adaptive.reset();
        ProgramBuilder b(initial.step);
        std::vector<bool> active(program.init.size());
        for (std::size_t v = 0; v < active.size(); ++v) active[v] = any(dependence.init[v]);
        const LinearisedGraph graph(b, active);
        ReverseSweep sweep(b);
        for (std::size_t s = 0; s < n_states; ++s) {
            const auto own = b.source(Source::state, static_cast<std::int32_t>(s), Stage::step);
            const ValueId value = program.states[s].initial;
            if (active[at(value)]) sweep.seed(value, own);
            initial.states[s].next = own;
        }
        sweep.run(graph);
        for (std::size_t p = 0; p < parameters.size(); ++p) {
            const ValueId v = source_of(program.init, Source::parameter, numbers[p]);
            const auto own = b.source(Source::state, made.gradient[p], Stage::step);
            initial.states[n_states + p].next = v == no_value || !active[at(v)] ? own : b.add(own, sweep.adjoint(v));
        }
        finish(initial);
    }
    return made;
}

}  // namespace spikesmith
