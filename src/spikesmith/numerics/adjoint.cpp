#include "spikesmith/numerics/adjoint.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/dependence.hpp"
#include "spikesmith/numerics/linearisation.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/numerics/recording.hpp"
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
    // Through the values of these stages. What only a branch needs gets nothing where another was taken, also if its derivatives are
    // infinite there.
    void run(const LinearisedGraph& graph, Stage first = Stage::constant) {
        for (auto it = graph.vertices().rbegin(); it != graph.vertices().rend(); ++it) {
            if (builder_.stage(*it) < first) continue;
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

// A program without states, outputs and initial values. The states of the code it has are read from a recording.
UpdateProgram without_states(const UpdateProgram& program) {
    UpdateProgram made = program;
    made.states.clear();
    made.outputs.clear();
    made.spike = no_value;
    made.online_errors.clear();
    made.observed.clear();
    made.init.clear();
    made.normal_equations = NormalEquations{};
    for (Instruction& i : made.step) {
        if (i.source == Source::state) i.source = Source::recorded;
    }
    return made;
}

// A state that starts from zero and is a sum over steps: gaps in the targets are allowed.
void add_sum(UpdateProgram& program, std::string name, ValueId next) {
    ProgramBuilder init(program.init);
    program.normal_equations->gradient.push_back(static_cast<std::int32_t>(program.states.size()));
    program.states.push_back({.name = std::move(name), .dimension = {}, .next = next, .initial = init.number(0)});
}

// The values among the first `n` of the code that the rest of it reads to compute its results.
std::vector<ValueId> read_by_rest(const UpdateProgram& program, std::size_t n) {
    std::vector<bool> read(program.step.size(), false);
    for (const auto& state : program.states) read[at(state.next)] = true;
    for (std::size_t v = read.size(); v-- > n;) {
        const Instruction& i = program.step[v];
        if (!read[v] || (i.source != Source::operation && i.source != Source::fused)) continue;
        for (const ValueId a : i.args) {
            if (a != no_value) read[at(a)] = true;
        }
    }
    std::vector<ValueId> values;
    for (std::size_t v = 0; v < n; ++v) {
        if (read[v]) values.push_back(static_cast<ValueId>(v));
    }
    return values;
}

// Makes the recording the outputs of the forward program, and what the backward step reads instead of computing it.
void record(UpdateProgram& forward, UpdateProgram& step) {
    const auto values = values_to_record(forward.step, read_by_rest(step, forward.step.size()));
    forward.outputs.clear();
    for (const ValueId v : values) {
        const auto index = static_cast<std::int32_t>(forward.outputs.size());
        forward.outputs.push_back({.name = fmt::format("@recorded_{}", index), .dimension = {}, .value = v});
        step.step[at(v)] = {.source = Source::recorded, .stage = Stage::step, .index = index};
    }
    step.n_recorded = static_cast<std::int32_t>(values.size());
}

// `finish`, and matrices that nobody reads go too.
void finish_all(UpdateProgram& program) {
    finish(program);
    const bool read = std::any_of(program.step.begin(), program.step.end(),
                                  [](const Instruction& i) { return i.source == Source::matrix_exponential; });
    if (read || program.matrix_exponentials.empty()) return;
    program.matrix_exponentials.clear();
    finish(program);
}

// Makes an AdjointProgram step by step.
class Adjoint {
  public:
    Adjoint(const UpdateProgram& program, const std::vector<std::int32_t>& numbers)
        : program_(program), dependence_(dependence_on(program, numbers, Influence::smooth)), numbers_(numbers) {}

    AdjointProgram build() {
        made_.forward = program_;
        make_step();
        make_last();
        return std::move(made_);
    }

  private:
    [[nodiscard]] const ProgramOutput& observed(const OnlineError& error) const {
        return program_.outputs[at(program_.find_output(error.output).value())];
    }

    // Values of the step through which the parameters change the errors.
    [[nodiscard]] std::vector<bool> active_values() const {
        std::vector<ValueId> wanted;
        for (const auto& error : program_.observed) wanted.push_back(observed(error).value);
        auto active = values_behind(program_, wanted);
        for (std::size_t v = 0; v < active.size(); ++v) {
            active[v] = active[v] && any(dependence_.step[v]);
            const Source source = program_.step[v].source;
            if (active[v] && (source == Source::adaptive || source == Source::matrix_exponential))
                throw NumericalError(fmt::format("`{}` has no adjoint for these parameters", program_.method),
                                     "use tangents");
        }
        return active;
    }

    void make_step() {
        UpdateProgram& step = made_.step = without_states(program_);
        active_ = active_values();
        ProgramBuilder b(step.step);
        const LinearisedGraph graph(b, active_);
        ReverseSweep sweep(b);
        const auto own_state = [&](std::size_t s) {
            return b.source(Source::state, static_cast<std::int32_t>(s), Stage::step);
        };
        for (std::size_t s = 0; s < program_.states.size(); ++s) {
            const ValueId next = program_.states[s].next;
            if (active_[at(next)]) sweep.seed(next, own_state(s));
        }
        for (const auto& error : program_.observed) {
            const ValueId value = observed(error).value;
            if (active_[at(value)]) sweep.seed(value, error_slopes(program_, b, error).weighted_difference);
        }
        sweep.run(graph, Stage::time);
        std::vector<ValueId> of_state(program_.states.size(), b.number(0));
        for (std::size_t v = 0; v < active_.size(); ++v) {
            if (active_[v] && program_.step[v].source == Source::state)
                of_state[at(program_.step[v].index)] = sweep.adjoint(static_cast<ValueId>(v));
        }
        for (std::size_t s = 0; s < of_state.size(); ++s)
            add_sum(step, "@adjoint_" + program_.states[s].name, of_state[s]);
        for (std::size_t v = 0; v < active_.size(); ++v) {
            if (!active_[v] || b.stage(static_cast<ValueId>(v)) > Stage::parameter) continue;
            const ValueId adjoint = sweep.adjoint(static_cast<ValueId>(v));
            if (b.is_number(adjoint, 0)) continue;
            const auto sum = step.states.size();
            add_sum(step, fmt::format("@sum_{}", summed_.size()), b.add(own_state(sum), adjoint));
            summed_.push_back(static_cast<ValueId>(v));
        }
        record(made_.forward, step);
        step.adaptive.reset();  // its results are recorded
        finish_all(step);
    }

    void make_last() {
        UpdateProgram& last = made_.last = without_states(program_);
        last.adaptive.reset();
        const auto n_step = static_cast<ValueId>(last.step.size());
        // the code of the initial values behind that of the step
        for (Instruction i : program_.init) {
            if (i.source == Source::operation || i.source == Source::fused) {
                for (ValueId& a : i.args) {
                    if (a != no_value) a += n_step;
                }
            }
            last.step.push_back(i);
        }
        std::vector<bool> active = active_;
        for (const auto& pattern : dependence_.init) active.push_back(any(pattern));
        for (std::size_t v = 0; v < active_.size(); ++v)
            active[v] = active[v] && program_.step[v].stage <= Stage::parameter;
        ProgramBuilder b(last.step);
        const LinearisedGraph graph(b, active);
        ReverseSweep sweep(b);
        const auto sum = [&](std::size_t s) {
            return b.source(Source::state, static_cast<std::int32_t>(s), Stage::step);
        };
        const std::size_t n_states = program_.states.size();
        for (std::size_t s = 0; s < n_states; ++s) {
            const ValueId value = program_.states[s].initial + n_step;
            if (active[at(value)]) sweep.seed(value, sum(s));
        }
        for (std::size_t n = 0; n < summed_.size(); ++n) sweep.seed(summed_[n], sum(n_states + n));
        sweep.run(graph);
        for (const std::int32_t number : numbers_) {
            ValueId total = b.number(0);
            for (std::size_t v = 0; v < active.size(); ++v) {
                const Instruction i = b.at(static_cast<ValueId>(v));
                if (active[v] && i.source == Source::parameter && i.index == number)
                    total = b.add(total, sweep.adjoint(static_cast<ValueId>(v)));
            }
            last.outputs.push_back(
                {.name = "@gradient_" + program_.parameters[at(number)], .dimension = {}, .value = total});
        }
        for (const auto& state : made_.step.states)
            add_sum(last, state.name,
                    b.source(Source::state, static_cast<std::int32_t>(last.states.size()), Stage::step));
        finish_all(last);
    }

    const UpdateProgram& program_;
    Dependence dependence_;
    const std::vector<std::int32_t>& numbers_;
    AdjointProgram made_;
    std::vector<bool> active_;     // values of the program's step
    std::vector<ValueId> summed_;  // by which value of the step's code the sums of the backward step are derivatives
};

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
    return Adjoint(program, numbers).build();
}

}  // namespace spikesmith
