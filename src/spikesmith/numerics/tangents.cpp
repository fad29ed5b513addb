#include "spikesmith/numerics/tangents.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/dependence.hpp"
#include "spikesmith/numerics/linearisation.hpp"
#include "spikesmith/numerics/online_error.hpp"

namespace spikesmith {
namespace {

constexpr std::int32_t largest_matrix = 64;  // of matrix_exponential

std::int32_t parameter_number(const UpdateProgram& program, const std::string& name) {
    const auto it = std::find(program.parameters.begin(), program.parameters.end(), name);
    if (it == program.parameters.end()) {
        throw ModelError(fmt::format("`{}` is not a parameter of the program", name),
                         did_you_mean(name, program.parameters));
    }
    return static_cast<std::int32_t>(it - program.parameters.begin());
}

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

bool is_error(const UpdateProgram& program, std::size_t state) {
    const auto& errors = program.online_errors;
    return std::find(errors.begin(), errors.end(), static_cast<std::int32_t>(state)) != errors.end();
}

ValueId observed_value(const UpdateProgram& program, const OnlineError& error) {
    return program.outputs[at(program.find_output(error.output).value())].value;
}

// Which values of a code only say whether the neuron has spiked or is refractory. `outer`: the same of the step, for a solver's code.
std::vector<bool> told_by_spikes(const UpdateProgram& program, const Code& code, const std::vector<Pattern>& depends,
                                 const std::vector<bool>& outer) {
    std::vector<bool> told(code.size(), false);
    for (std::size_t v = 0; v < code.size(); ++v) {
        const Instruction& i = code[v];
        if (i.source == Source::outer) {
            told[v] = outer[at(i.args[0])];
        } else if (i.source == Source::state) {
            told[v] = program.states[at(i.index)].name.starts_with('@');
        } else if (i.source == Source::operation || i.source == Source::fused) {
            told[v] = std::ranges::all_of(
                i.args, [&](ValueId a) { return a == no_value || told[at(a)] || !any(depends[at(a)]); });
        }
        if (&code == &program.step && static_cast<ValueId>(v) == program.spike) told[v] = true;
    }
    return told;
}

// Does a value jump where a condition changes, other than of spikes, or where it is rounded?
bool may_jump(const Code& code, ValueId value, const std::vector<Pattern>& depends, const std::vector<bool>& told) {
    const Instruction& i = code[at(value)];
    const auto follows = [&](ValueId a) { return a != no_value && any(depends[at(a)]) && !told[at(a)]; };
    if (i.source != Source::operation && i.source != Source::fused) return false;
    switch (i.source == Source::fused ? Op::add : i.op) {
        case Op::floor:
        case Op::ceil:
        case Op::truncate:
        case Op::sign:
        case Op::select:
            return follows(i.args[0]);
        case Op::floor_divide:
        case Op::modulo:
            return follows(i.args[0]) || follows(i.args[1]);
        default:  // a condition as a number
            return i.type == ProgramType::real && std::ranges::any_of(i.args, [&](ValueId a) {
                       return follows(a) && code[at(a)].type == ProgramType::boolean;
                   });
    }
}

// Does that happen in the equations when the parameters change?
bool has_jumps(const UpdateProgram& program, const Dependence& at_all) {
    std::vector<ValueId> wanted;
    for (const auto& state : program.states) {
        if (!state.name.starts_with('@')) wanted.push_back(state.next);
    }
    for (const auto& output : program.outputs) wanted.push_back(output.value);
    const auto needed = values_behind(program, wanted);
    const auto told = told_by_spikes(program, program.step, at_all.step, {});
    for (std::size_t v = 0; v < program.step.size(); ++v) {
        if (needed[v] && may_jump(program.step, static_cast<ValueId>(v), at_all.step, told)) return true;
    }
    if (!program.adaptive) return false;
    const Code& inner = program.adaptive->code;
    const auto told_inside = told_by_spikes(program, inner, at_all.solver, told);
    for (std::size_t v = 0; v < inner.size(); ++v) {
        if (may_jump(inner, static_cast<ValueId>(v), at_all.solver, told_inside)) return true;
    }
    return false;
}

// Values of the step whose derivatives are asked for.
std::vector<ValueId> wanted_values(const UpdateProgram& program, const TangentOptions& options) {
    std::vector<ValueId> wanted;
    for (std::size_t s = 0; s < program.states.size(); ++s) {
        if (options.states && !is_error(program, s)) wanted.push_back(program.states[s].next);
    }
    if (options.outputs) {
        for (const auto& output : program.outputs) wanted.push_back(output.value);
    }
    if (options.normal_equations) {
        for (const auto& error : program.observed) wanted.push_back(observed_value(program, error));
    }
    return wanted;
}

// Derivatives of the values of one code, one per parameter; no_value: identically zero.
class Tangents {
  public:
    explicit Tangents(std::size_t n_parameters) : none_(n_parameters, no_value) {}

    [[nodiscard]] ValueId of(ValueId value, std::size_t parameter) const {
        const auto it = values_.find(value);
        return it == values_.end() ? no_value : it->second[parameter];
    }
    void set(ValueId value, std::size_t parameter, ValueId tangent) {
        values_.try_emplace(value, none_).first->second[parameter] = tangent;
    }
    // By the chain rule, from what leads to the value.
    void propagate(ProgramBuilder& builder, const LinearisedGraph& graph, ValueId value) {
        for (std::size_t p = 0; p < none_.size(); ++p) {
            std::vector<WeightedValue> terms;
            for (const auto& [from, weight] : graph.into(value)) {
                if (const ValueId tangent = of(from, p); tangent != no_value) terms.push_back({weight, tangent});
            }
            if (terms.empty()) continue;
            const ValueId tangent = weighted_sum(builder, terms);
            if (!builder.is_number(tangent, 0)) set(value, p, tangent);
        }
    }

  private:
    std::vector<ValueId> none_;
    std::map<ValueId, std::vector<ValueId>> values_;
};

class TangentProgram {
  public:
    TangentProgram(const UpdateProgram& program, const TangentOptions& options)
        : program_(program), options_(options), builder_(program_.step), init_(program_.init), tangents_(0) {
        for (const auto& name : options.parameters) {
            const auto number = parameter_number(program, name);
            if (std::find(parameters_.begin(), parameters_.end(), number) != parameters_.end())
                throw ModelError(fmt::format("parameter `{}` is named twice", name));
            if (const auto answer = differentiability(program, name); !answer.differentiable)
                throw NumericalError(answer.reason, "use finite differences for this parameter");
            parameters_.push_back(number);
        }
        tangents_ = Tangents(parameters_.size());
        dependence_ = dependence_on(program, parameters_, Influence::smooth);
        useful_ = values_behind(program, wanted_values(program, options));
    }

    UpdateProgram build() {
        const std::size_t n_outputs = program_.outputs.size();
        make_states();
        differentiate_step();
        for (const auto& t : program_.tangents)
            program_.states[at(t.tangent)].next =
                tangent_or_zero(program_.states[at(t.state)].next, place_of(t.parameter));
        if (options_.outputs) {
            for (std::size_t o = 0; o < n_outputs; ++o) record(o);
        }
        if (options_.normal_equations) accumulate();
        finish(program_);
        return std::move(program_);
    }

  private:
    [[nodiscard]] std::size_t n_parameters() const { return parameters_.size(); }
    [[nodiscard]] std::size_t place_of(std::int32_t parameter) const {
        return static_cast<std::size_t>(std::find(parameters_.begin(), parameters_.end(), parameter) -
                                        parameters_.begin());
    }
    [[nodiscard]] const std::string& name_of(std::size_t p) const { return program_.parameters[at(parameters_[p])]; }
    [[nodiscard]] Dimension per_parameter(const Dimension& dimension, std::size_t p) const {
        const auto number = at(parameters_[p]);
        return number < program_.parameter_dimensions.size() ? dimension / program_.parameter_dimensions[number]
                                                             : dimension;
    }
    ValueId tangent_or_zero(ValueId value, std::size_t p) {
        const ValueId tangent = tangents_.of(value, p);
        return tangent == no_value ? builder_.number(0) : tangent;
    }
    [[nodiscard]] bool active(ValueId v) const { return useful_[at(v)] && any(dependence_.step[at(v)]); }

    // A hidden state for each derivative that is not identically zero, with its initial value.
    void make_states() {
        std::vector<bool> changing(program_.init.size());
        for (std::size_t v = 0; v < changing.size(); ++v) changing[v] = any(dependence_.init[v]);
        const LinearisedGraph graph(init_, changing);
        Tangents initial(n_parameters());
        for (const ValueId v : graph.vertices()) {
            const Instruction i = init_.at(v);
            if (i.source == Source::parameter)
                initial.set(v, place_of(i.index), init_.number(1));
            else
                initial.propagate(init_, graph, v);
        }
        const std::size_t n_states = program_.states.size();
        tangent_state_.assign(n_states, std::vector<std::int32_t>(n_parameters(), -1));
        for (std::size_t s = 0; s < n_states; ++s) {
            if (is_error(program_, s) || !useful_[at(program_.states[s].next)]) continue;
            for (std::size_t p = 0; p < n_parameters(); ++p) {
                if (!dependence_.states[s][p]) continue;
                const ValueId start = initial.of(program_.states[s].initial, p);
                const auto number = static_cast<std::int32_t>(program_.states.size());
                tangent_state_[s][p] = number;
                program_.tangents.push_back({static_cast<std::int32_t>(s), parameters_[p], number});
                program_.states.push_back({.name = fmt::format("@S_{}_{}", program_.states[s].name, name_of(p)),
                                           .dimension = per_parameter(program_.states[s].dimension, p),
                                           .next = no_value,
                                           .initial = start == no_value ? init_.number(0) : start});
            }
        }
    }

    void differentiate_step() {
        std::vector<bool> is_active(useful_.size()), kept(useful_.size(), false);
        std::vector<int> directions(useful_.size());
        for (std::size_t v = 0; v < useful_.size(); ++v) {
            const auto& pattern = dependence_.step[v];
            is_active[v] = active(static_cast<ValueId>(v));
            directions[v] = static_cast<int>(std::count(pattern.begin(), pattern.end(), true));
            const Source source = program_.step[v].source;
            kept[v] = source != Source::operation && source != Source::fused;
        }
        for (std::size_t s = 0; s < tangent_state_.size(); ++s) kept[at(program_.states[s].next)] = true;
        for (const auto& output : program_.outputs) kept[at(output.value)] = true;
        for (const auto& matrix : program_.matrix_exponentials) {
            for (const ValueId e : matrix.entries) kept[at(e)] = true;
        }
        if (program_.adaptive) {
            for (const ValueId s : program_.adaptive->start) kept[at(s)] = true;
            for (const auto& i : program_.adaptive->code) {
                if (i.source == Source::outer) kept[at(i.args[0])] = true;
            }
        }
        LinearisedGraph graph(builder_, is_active);
        graph.eliminate(kept, directions);
        for (const ValueId v : graph.vertices()) differentiate(graph, v);
    }

    void differentiate(const LinearisedGraph& graph, ValueId v) {
        const Instruction i = builder_.at(v);
        switch (i.source) {
            case Source::parameter:
                tangents_.set(v, place_of(i.index), builder_.number(1));
                break;
            case Source::state:
                for (std::size_t p = 0; p < n_parameters(); ++p) {
                    if (const auto s = tangent_state_[at(i.index)][p]; s >= 0)
                        tangents_.set(v, p, builder_.source(Source::state, s, Stage::step));
                }
                break;
            case Source::matrix_exponential:
                for (std::size_t p = 0; p < n_parameters(); ++p) {
                    if (dependence_.step[at(v)][p]) tangents_.set(v, p, matrix_tangent(i.args[0], i.index, p));
                }
                break;
            case Source::adaptive:
                if (solver_tangent_.empty()) differentiate_solver();
                for (std::size_t p = 0; p < n_parameters(); ++p) {
                    if (const auto s = solver_tangent_[at(i.index)][p]; s >= 0)
                        tangents_.set(v, p, builder_.source(Source::adaptive, s, Stage::step));
                }
                break;
            default:
                tangents_.propagate(builder_, graph, v);
        }
    }

    // The derivative of exp(A) in direction D is the upper right block of exp([[A, D], [0, A]]): N. J. Higham, Functions of
    // Matrices, SIAM 2008, equation (10.43).
    ValueId matrix_tangent(std::int32_t call, std::int32_t entry, std::size_t p) {
        const auto n = program_.matrix_exponentials[at(call)].n;
        const auto twice = 2 * n;
        auto [known, fresh] = matrix_calls_.try_emplace({call, p}, 0);
        if (fresh) {
            const auto entries = program_.matrix_exponentials[at(call)].entries;
            MatrixExponential matrix{.n = twice,
                                     .entries = std::vector<ValueId>(at(twice) * at(twice), builder_.number(0))};
            for (std::int32_t row = 0; row < n; ++row) {
                for (std::int32_t column = 0; column < n; ++column) {
                    const ValueId e = entries[at(row * n + column)];
                    matrix.entries[at(row * twice + column)] = e;
                    matrix.entries[at((row + n) * twice + column + n)] = e;
                    matrix.entries[at(row * twice + column + n)] = tangent_or_zero(e, p);
                }
            }
            known->second = static_cast<std::int32_t>(program_.matrix_exponentials.size());
            program_.matrix_exponentials.push_back(std::move(matrix));
        }
        Stage stage = Stage::constant;
        for (const ValueId e : program_.matrix_exponentials[at(known->second)].entries)
            stage = joined(stage, builder_.stage(e));
        return builder_.matrix_entry(known->second, entry / n * twice + n + entry % n, stage);
    }

    // The solver advances the tangents as further states, with the step lengths of its own.
    void differentiate_solver() {
        AdaptiveSolve& solver = *program_.adaptive;
        const std::size_t n_states = solver.states.size();
        solver_tangent_.assign(n_states, std::vector<std::int32_t>(n_parameters(), -1));
        auto count = static_cast<std::int32_t>(n_states);
        for (std::size_t s = 0; s < n_states; ++s) {
            for (std::size_t p = 0; p < n_parameters(); ++p) {
                if (dependence_.solver_states[s][p]) solver_tangent_[s][p] = count++;
            }
        }
        ProgramBuilder inner(solver.code);
        std::vector<bool> is_active(solver.code.size()), kept(solver.code.size(), false);
        std::vector<int> directions(solver.code.size());
        for (std::size_t v = 0; v < solver.code.size(); ++v) {
            const auto& pattern = dependence_.solver[v];
            directions[v] = static_cast<int>(std::count(pattern.begin(), pattern.end(), true));
            is_active[v] = directions[v] > 0;
            kept[v] = solver.code[v].source != Source::operation && solver.code[v].source != Source::fused;
        }
        for (const ValueId d : solver.derivative) kept[at(d)] = true;
        LinearisedGraph graph(inner, is_active);
        graph.eliminate(kept, directions);
        Tangents rates(n_parameters());
        for (const ValueId v : graph.vertices()) {
            const Instruction i = inner.at(v);
            for (std::size_t p = 0; p < n_parameters(); ++p) {
                if (i.source == Source::solver_state && solver_tangent_[at(i.index)][p] >= 0) {
                    rates.set(v, p, inner.source(Source::solver_state, solver_tangent_[at(i.index)][p], Stage::step));
                } else if (i.source == Source::outer) {
                    if (const ValueId t = tangents_.of(i.args[0], p); t != no_value)
                        rates.set(v, p, inner.outer(t, builder_.at(t)));
                }
            }
            if (i.source == Source::operation || i.source == Source::fused) rates.propagate(inner, graph, v);
        }
        for (std::size_t s = 0; s < n_states; ++s) {
            for (std::size_t p = 0; p < n_parameters(); ++p) {
                if (solver_tangent_[s][p] < 0) continue;
                const ValueId rate = rates.of(solver.derivative[s], p);
                const std::int32_t own = tangent_state_[at(solver.states[s])][p];
                solver.states.push_back(own >= 0 ? own : solver.states[s]);
                solver.start.push_back(tangent_or_zero(solver.start[s], p));
                solver.derivative.push_back(rate == no_value ? inner.number(0) : rate);
            }
        }
    }

    void record(std::size_t o) {
        const ProgramOutput output = program_.outputs.at(o);  // a copy: the list grows
        for (std::size_t p = 0; p < n_parameters(); ++p) {
            program_.outputs.push_back({.name = fmt::format("S_{}_{}", output.name, name_of(p)),
                                        .dimension = per_parameter(output.dimension, p),
                                        .value = tangent_or_zero(output.value, p)});
        }
    }

    void accumulate() {
        const std::size_t n = n_parameters();
        std::vector<std::vector<ValueId>> gradient(n), gauss_newton(n * (n + 1) / 2);
        Dimension dimension;
        for (const auto& error : program_.observed) {
            const ProgramOutput& output = program_.outputs[at(program_.find_output(error.output).value())];
            dimension = output.dimension * output.dimension;
            const auto [weight, weighted] = error_slopes(program_, builder_, error);
            for (std::size_t p = 0; p < n; ++p) {
                const ValueId by_p = tangents_.of(output.value, p);
                if (by_p == no_value) continue;
                gradient[p].push_back(builder_.multiply(weighted, by_p));
                const ValueId weighted_by_p = builder_.multiply(weight, by_p);
                for (std::size_t q = 0; q <= p; ++q) {
                    if (const ValueId by_q = tangents_.of(output.value, q); by_q != no_value)
                        gauss_newton[p * (p + 1) / 2 + q].push_back(builder_.multiply(weighted_by_p, by_q));
                }
            }
        }
        const auto sum_over_steps = [&](const std::string& name, const Dimension& unit,
                                        const std::vector<ValueId>& terms) {
            if (terms.empty()) return std::int32_t{-1};
            const auto number = static_cast<std::int32_t>(program_.states.size());
            ValueId total = builder_.source(Source::state, number, Stage::step);
            for (const ValueId term : terms) total = builder_.add(total, term);
            program_.states.push_back({.name = name, .dimension = unit, .next = total, .initial = init_.number(0)});
            return number;
        };
        NormalEquations sums{.parameters = parameters_};
        for (std::size_t p = 0; p < n; ++p) {
            sums.gradient.push_back(
                sum_over_steps("@gradient_" + name_of(p), per_parameter(dimension, p), gradient[p]));
        }
        for (std::size_t p = 0; p < n; ++p) {
            for (std::size_t q = 0; q <= p; ++q) {
                sums.gauss_newton.push_back(sum_over_steps(fmt::format("@gauss_newton_{}_{}", name_of(p), name_of(q)),
                                                           per_parameter(per_parameter(dimension, p), q),
                                                           gauss_newton[p * (p + 1) / 2 + q]));
            }
        }
        program_.normal_equations = std::move(sums);
    }

    UpdateProgram program_;
    const TangentOptions& options_;
    ProgramBuilder builder_, init_;
    std::vector<std::int32_t> parameters_;
    Dependence dependence_;
    std::vector<bool> useful_;
    Tangents tangents_;
    std::vector<std::vector<std::int32_t>> tangent_state_;   // by state and parameter; -1: zero
    std::vector<std::vector<std::int32_t>> solver_tangent_;  // the same of the adaptive solver
    std::map<std::pair<std::int32_t, std::size_t>, std::int32_t> matrix_calls_;
};

}  // namespace

UpdateProgram with_tangents(const UpdateProgram& program, const TangentOptions& options) {
    if (!program.tangents.empty() || program.normal_equations)
        throw NumericalError("programs with tangents have no further derivatives");
    return TangentProgram(program, options).build();
}

Differentiability differentiability(const UpdateProgram& program, const std::string& parameter) {
    const std::vector<std::int32_t> number{parameter_number(program, parameter)};
    const Dependence smooth = dependence_on(program, number, Influence::smooth);
    const Dependence at_all = dependence_on(program, number, Influence::any);
    const auto no = [](std::string reason) { return Differentiability{false, std::move(reason)}; };

    bool random = false;
    for (std::size_t v = 0; v < program.step.size(); ++v) {
        const Instruction& i = program.step[v];
        if (i.source == Source::operation && i.op == Op::poisson && any(at_all.step[at(i.args[0])]))
            return no(fmt::format("`{}` changes the mean of a Poisson number, which has no derivative", parameter));
        random = random || (i.source == Source::operation && (i.op == Op::uniform || i.op == Op::normal));
        if (i.source == Source::matrix_exponential && any(smooth.step[v]) &&
            2 * program.matrix_exponentials[at(i.args[0])].n > largest_matrix)
            return no(
                fmt::format("`{}` changes the matrix exponential of {} coupled equations, too many to differentiate",
                            parameter, program.matrix_exponentials[at(i.args[0])].n));
    }
    bool matters = false, smoothly = false;
    for (std::size_t s = 0; s < program.states.size(); ++s) {
        if (program.states[s].name.starts_with('@') && !is_error(program, s)) continue;
        matters = matters || any(at_all.states[s]);
        smoothly = smoothly || any(smooth.states[s]);
    }
    for (const auto& output : program.outputs) {
        matters = matters || any(at_all.step[at(output.value)]);
        smoothly = smoothly || any(smooth.step[at(output.value)]);
    }
    const bool moves_spikes = program.spike != no_value && any(at_all.step[at(program.spike)]);
    if (!smoothly && (matters || moves_spikes)) {
        return no(
            fmt::format("`{}` acts through conditions or rounding only (a threshold, a refractory period, "
                        "`int(...)`): its derivative is zero between jumps and says nothing",
                        parameter));
    }
    std::string unseen;
    const auto note = [&](std::string_view text) { unseen += (unseen.empty() ? "" : "; ") + std::string(text); };
    if (!smoothly) return {true, "nothing depends on it"};
    if (moves_spikes) note("jumps where a spike moves to another time step are not seen");
    if (has_jumps(program, at_all)) note("jumps where a condition or a rounding in the equations changes are not seen");
    if (std::any_of(smooth.solver_states.begin(), smooth.solver_states.end(), any))
        note("step lengths of the adaptive method are held");
    if (random) note("random numbers are held");
    return {true, unseen};
}

}  // namespace spikesmith
