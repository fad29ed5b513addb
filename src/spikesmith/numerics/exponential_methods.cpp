// Methods that use exponentials of the linear part: exponential Euler and the exact solution of linear systems.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "spikesmith/numerics/matrix_exponential.hpp"
#include "spikesmith/numerics/step_context.hpp"
#include "spikesmith/symbolic/calculus.hpp"

namespace spikesmith {
namespace {

// x + (dt*f) * exprel(dt*A): the solution after dt of dx/dt = f + A*(x - x0), without division by A.
ValueId relaxed(StepContext& context, std::size_t state, ValueId scaled_slope, ValueId scaled_rate) {
    ProgramBuilder& b = context.builder();
    const ValueId x = context.start().states[state];
    const ValueId change = b.multiply(scaled_slope, b.apply(Op::exprel, scaled_rate));
    return context.if_active(state, b.add(x, change), x);
}

// dx/dt = A*x + B with B the rest, A and B at the old state.
ValueId relaxed_affine(StepContext& context, std::size_t state, const Expression& rate, const Expression& rest,
                       Lowering& lowering) {
    ProgramBuilder& b = context.builder();
    const Expression dt(context.options().dt);
    const ValueId scaled_rate = lowering.value(dt * rate);
    const ValueId slope = b.add(b.multiply(scaled_rate, context.start().states[state]), lowering.value(dt * rest));
    return relaxed(context, state, slope, scaled_rate);
}

ValueId exponential_euler(StepContext& context, std::size_t state, Lowering& lowering) {
    const std::string& name = context.model().states[state].name;
    const Expression& derivative = context.derivatives()[state];
    const auto polynomial = polynomial_in(derivative, name);
    const auto coefficient = [&](int power) {
        const auto it = polynomial->find(power);
        return it == polynomial->end() ? Expression(0.0) : it->second;
    };
    const bool hidden = polynomial && std::any_of(polynomial->begin(), polynomial->end(),
                                                  [&](const auto& term) { return depends_on(term.second, name); });
    const bool at_most_linear = polynomial && (polynomial->empty() || polynomial->rbegin()->first <= 1);
    if (at_most_linear && (polynomial->contains(1) || !hidden)) {
        if (hidden)
            context.program().notes.push_back(fmt::format(
                "`{}` also enters its own equation nonlinearly: those terms are frozen at the old value during a step",
                name));
        return relaxed_affine(context, state, coefficient(1), coefficient(0), lowering);
    }
    context.program().notes.push_back(fmt::format(
        "the equation of `{0}` is not linear in `{0}`: linearised at the old value (exponential Rosenbrock-Euler)",
        name));
    const Expression dt(context.options().dt);
    return relaxed(context, state, lowering.value(dt * derivative),
                   lowering.value(dt * differentiate(derivative, name)));
}

}  // namespace

NextStates exponential_euler_step(StepContext& context) {
    Lowering lowering = context.at(context.start());
    NextStates next;
    for (std::size_t s = 0; s < context.derivatives().size(); ++s)
        next.push_back(exponential_euler(context, s, lowering));
    return next;
}

namespace {

std::vector<std::string> state_names(const Model& model) {
    std::vector<std::string> names;
    for (const auto& state : model.states) names.push_back(state.name);
    return names;
}

std::optional<AffineSystem> linear_system(const Model& model) {
    std::vector<Expression> derivatives;
    for (const auto& state : model.states) derivatives.push_back(model.inlined(state.derivative));
    return affine_in(derivatives, state_names(model));
}

// States that influence each other, directly or through others, as groups of indices.
std::vector<std::vector<std::size_t>> coupled_groups(const AffineSystem& system) {
    const std::size_t n = system.matrix.size();
    std::vector<std::size_t> group(n);
    std::iota(group.begin(), group.end(), std::size_t{0});
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            if (i == j || system.matrix[i][j].is_number(0)) continue;
            const std::size_t from = group[i], to = group[j];
            for (auto& g : group) {
                if (g == from) g = to;
            }
        }
    }
    std::vector<std::vector<std::size_t>> groups;
    for (std::size_t g = 0; g < n; ++g) {
        std::vector<std::size_t> members;
        for (std::size_t i = 0; i < n; ++i) {
            if (group[i] == g) members.push_back(i);
        }
        if (!members.empty()) groups.push_back(members);
    }
    return groups;
}

// phi_1(dt*M) = (exp(dt*M) - 1)/(dt*M), n x n, as the upper right block of exp([[dt*M, 1], [0, 0]]): no inverse of M is needed.
std::vector<ValueId> phi_1(StepContext& context, const std::vector<std::vector<ValueId>>& scaled) {
    ProgramBuilder& b = context.builder();
    const std::size_t n = scaled.size(), size = 2 * n;
    MatrixExponential matrix{.n = static_cast<std::int32_t>(size),
                             .entries = std::vector<ValueId>(size * size, b.number(0))};
    Stage stage = Stage::constant;
    for (std::size_t i = 0; i < n; ++i) {
        matrix.entries[i * size + n + i] = b.number(1);
        for (std::size_t j = 0; j < n; ++j) {
            matrix.entries[i * size + j] = scaled[i][j];
            stage = joined(stage, b.stage(scaled[i][j]));
        }
    }
    std::vector<ValueId> out;
    if (stage == Stage::constant) {
        std::vector<double> numbers, result(size * size);
        for (const ValueId entry : matrix.entries) numbers.push_back(b.at(entry).number);
        matrix_exponential(static_cast<int>(size), numbers.data(), result.data());
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n; ++j) out.push_back(b.number(result[i * size + n + j]));
        }
        return out;
    }
    auto& calls = context.program().matrix_exponentials;
    calls.push_back(std::move(matrix));
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            out.push_back(b.matrix_entry(static_cast<std::int32_t>(calls.size() - 1),
                                         static_cast<std::int32_t>(i * size + n + j), stage));
        }
    }
    return out;
}

}  // namespace

std::string refusal_exact(const Model& model) {
    if (auto reason = refusal_deterministic(model, "exact"); !reason.empty()) return reason;
    const auto system = linear_system(model);
    if (!system) return "`exact` needs equations that are jointly linear in the variables";
    const auto timed = [](const Expression& e) { return depends_on(e, "t"); };
    for (std::size_t i = 0; i < system->matrix.size(); ++i) {
        if (timed(system->offset[i]) || std::any_of(system->matrix[i].begin(), system->matrix[i].end(), timed)) {
            return fmt::format(
                "`exact` needs coefficients that are constant during a step, but the equation of `{}` depends on `t`",
                model.states[i].name);
        }
        if (has_random(system->offset[i]))
            return fmt::format("`exact` cannot solve the random term in the equation of `{}`", model.states[i].name);
    }
    return {};
}

NextStates exact_step(StepContext& context) {
    ProgramBuilder& b = context.builder();
    const auto system = *linear_system(context.model());
    const Expression dt(context.options().dt);
    const Moment start = context.start();
    Lowering lowering = context.at(start);
    NextStates next = start.states;
    for (const auto& group : coupled_groups(system)) {
        if (group.size() == 1) {
            next[group[0]] =
                relaxed_affine(context, group[0], system.matrix[group[0]][group[0]], system.offset[group[0]], lowering);
            continue;
        }
        std::vector<ValueId> slopes;
        for (const std::size_t s : group)
            slopes.push_back(context.if_active(s, lowering.value(dt * context.derivatives()[s]), b.number(0)));
        const auto solution = [&](bool refractory) {  // while refractory, the rows of frozen states are zero
            std::vector<std::vector<ValueId>> scaled;
            for (const std::size_t i : group) {
                auto& row = scaled.emplace_back();
                const bool frozen = refractory && context.active(i) != no_value;
                for (const std::size_t j : group)
                    row.push_back(frozen ? b.number(0) : lowering.value(dt * system.matrix[i][j]));
            }
            const auto phi = phi_1(context, scaled);
            std::vector<ValueId> out;
            for (std::size_t i = 0; i < group.size(); ++i) {
                ValueId x = start.states[group[i]];
                for (std::size_t j = 0; j < group.size(); ++j)
                    x = b.add(x, b.multiply(phi[i * group.size() + j], slopes[j]));
                out.push_back(x);
            }
            return out;
        };
        const bool any_frozen =
            std::any_of(group.begin(), group.end(), [&](std::size_t s) { return context.active(s) != no_value; });
        const auto free = solution(false);
        const auto frozen = any_frozen ? solution(true) : free;
        for (std::size_t i = 0; i < group.size(); ++i) {
            next[group[i]] = any_frozen ? b.select(context.not_refractory, free[i], frozen[i]) : free[i];
        }
    }
    return next;
}

}  // namespace spikesmith
