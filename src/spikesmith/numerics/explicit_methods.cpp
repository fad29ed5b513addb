// Explicit one-step methods: Euler, midpoint, classic Runge-Kutta, and the stochastic Euler-Heun and Milstein schemes.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/step_context.hpp"
#include "spikesmith/symbolic/calculus.hpp"

namespace spikesmith {
namespace {

constexpr std::int32_t noise_site = 0x10000;  // random sites of `xi` come after those of rand(), randn(), poisson()

// dt * expression for every state at a moment, 0 where the state is frozen.
std::vector<ValueId> increments(StepContext& context, const std::vector<Expression>& rates, const Moment& moment) {
    Lowering lowering = context.at(moment);
    std::vector<ValueId> out;
    for (std::size_t s = 0; s < rates.size(); ++s) {
        out.push_back(context.if_active(s, lowering.value(Expression(context.options().dt) * rates[s]),
                                        context.builder().number(0)));
    }
    return out;
}

// x + factor * k
std::vector<ValueId> advanced(StepContext& context, const std::vector<ValueId>& x, const std::vector<ValueId>& k,
                              double factor) {
    ProgramBuilder& b = context.builder();
    std::vector<ValueId> out;
    for (std::size_t s = 0; s < x.size(); ++s) out.push_back(b.add(x[s], b.multiply(b.number(factor), k[s])));
    return out;
}

// sqrt(dt) * standard normal, one per noise of the model: the same draw wherever the same xi stands.
std::vector<ValueId> wiener_increments(StepContext& context) {
    ProgramBuilder& b = context.builder();
    std::vector<ValueId> out;
    for (std::size_t k = 0; k < context.model().noise.size(); ++k) {
        out.push_back(b.multiply(b.number(std::sqrt(context.options().dt)),
                                 b.random(Op::normal, noise_site + static_cast<std::int32_t>(k))));
    }
    return out;
}

std::vector<DriftAndNoise> separated(StepContext& context) {
    std::vector<DriftAndNoise> parts;
    for (const auto& derivative : context.derivatives()) parts.push_back(*separate_noise(context.model(), derivative));
    return parts;
}

std::vector<Expression> drifts(const std::vector<DriftAndNoise>& parts) {
    std::vector<Expression> out;
    for (const auto& part : parts) out.push_back(part.drift);
    return out;
}

std::string refusal_not_linear_noise(const Model& model) {
    for (const auto& state : model.states) {
        if (!separate_noise(model, model.inlined(state.derivative))) {
            return fmt::format("the noise in the equation of `{}` is not linear: it cannot be separated from the rest",
                               state.name);
        }
    }
    return {};
}

}  // namespace

std::string refusal_deterministic(const Model& model, const std::string& method) {
    if (model.noise.empty()) return {};
    return fmt::format("`{}` integrates deterministic equations only, the model has the noise `{}`", method,
                       model.noise.front());
}

std::string refusal_euler(const Model& model) {
    if (auto reason = refusal_not_linear_noise(model); !reason.empty()) return reason;
    for (const auto& state : model.states) {
        const auto parts = separate_noise(model, model.inlined(state.derivative));
        for (const auto& noise : parts->noise) {
            for (const auto& name : symbols_of(noise)) {
                const auto variable = model.find(name);
                if (name == "t" || (variable && variable->kind == Model::Variable::Kind::state)) {
                    return fmt::format("`euler` needs additive noise, but the noise of `{}` depends on `{}`",
                                       state.name, name);
                }
            }
        }
    }
    return {};
}

std::string refusal_heun(const Model& model) {
    return refusal_not_linear_noise(model);
}

std::string refusal_milstein(const Model& model) {
    if (auto reason = refusal_not_linear_noise(model); !reason.empty()) return reason;
    std::vector<std::string> owner(model.noise.size());
    for (const auto& state : model.states) {
        const auto parts = separate_noise(model, model.inlined(state.derivative));
        std::string used;
        for (std::size_t k = 0; k < parts->noise.size(); ++k) {
            if (parts->noise[k].is_number(0)) continue;
            if (!used.empty())
                return fmt::format("`milstein` needs diagonal noise, but `{}` has both `{}` and `{}`", state.name, used,
                                   model.noise[k]);
            used = model.noise[k];
            if (!owner[k].empty())
                return fmt::format(
                    "`milstein` needs diagonal noise, but `{}` stands in the equations of both `{}` and `{}`", used,
                    owner[k], state.name);
            owner[k] = state.name;
        }
    }
    return {};
}

NextStates euler_step(StepContext& context) {
    ProgramBuilder& b = context.builder();
    const Moment start = context.start();
    const auto parts = separated(context);
    const auto drift = increments(context, drifts(parts), start);
    const auto noise = wiener_increments(context);
    Lowering lowering = context.at(start);
    NextStates next;
    for (std::size_t s = 0; s < parts.size(); ++s) {
        ValueId change = drift[s];
        for (std::size_t k = 0; k < noise.size(); ++k) {
            if (parts[s].noise[k].is_number(0)) continue;
            change = b.add(change,
                           context.if_active(s, b.multiply(lowering.value(parts[s].noise[k]), noise[k]), b.number(0)));
        }
        next.push_back(b.add(start.states[s], change));
    }
    return next;
}

NextStates heun_step(StepContext& context) {
    ProgramBuilder& b = context.builder();
    const Moment start = context.start();
    const auto parts = separated(context);
    const auto noise = wiener_increments(context);
    Lowering at_start = context.at(start);
    auto next = advanced(context, start.states, increments(context, drifts(parts), start), 1);
    for (std::size_t k = 0; k < noise.size(); ++k) {
        std::vector<ValueId> coefficients;
        Moment support{.states = start.states, .offset = 1};
        for (std::size_t s = 0; s < parts.size(); ++s) {
            coefficients.push_back(context.if_active(s, at_start.value(parts[s].noise[k]), b.number(0)));
            support.states[s] = b.add(start.states[s], b.multiply(coefficients[s], noise[k]));
        }
        Lowering at_support = context.at(support);
        for (std::size_t s = 0; s < parts.size(); ++s) {
            if (parts[s].noise[k].is_number(0)) continue;
            const ValueId there = context.if_active(s, at_support.value(parts[s].noise[k]), b.number(0));
            next[s] = b.add(next[s], b.multiply(noise[k], b.multiply(b.number(0.5), b.add(coefficients[s], there))));
        }
    }
    return next;
}

NextStates milstein_step(StepContext& context) {
    ProgramBuilder& b = context.builder();
    const double dt = context.options().dt;
    const Moment start = context.start();
    const auto parts = separated(context);
    const auto noise = wiener_increments(context);
    Lowering lowering = context.at(start);
    const auto predicted = advanced(context, start.states, increments(context, drifts(parts), start), 1);
    auto next = predicted;
    for (std::size_t k = 0; k < noise.size(); ++k) {
        for (std::size_t s = 0; s < parts.size(); ++s) {
            if (parts[s].noise[k].is_number(0)) continue;
            const ValueId g = context.if_active(s, lowering.value(parts[s].noise[k]), b.number(0));
            Moment support{.states = predicted,
                           .offset = 0};  // x + dt*f + sqrt(dt)*g; diagonal noise: one state has this g
            support.states[s] = b.add(predicted[s], b.multiply(b.number(std::sqrt(dt)), g));
            const ValueId there = context.if_active(s, context.at(support).value(parts[s].noise[k]), b.number(0));
            const ValueId correction = b.multiply(b.multiply(noise[k], noise[k]),
                                                  b.multiply(b.number(0.5 / std::sqrt(dt)), b.subtract(there, g)));
            next[s] = b.add(b.add(next[s], b.multiply(g, noise[k])), correction);
        }
    }
    return next;
}

NextStates midpoint_step(StepContext& context) {
    const Moment start = context.start();
    const auto& f = context.derivatives();
    const auto k = increments(context, f, start);
    const auto middle = increments(context, f, {.states = advanced(context, start.states, k, 0.5), .offset = 0.5});
    return advanced(context, start.states, middle, 1);
}

NextStates runge_kutta4_step(StepContext& context) {
    ProgramBuilder& b = context.builder();
    const Moment start = context.start();
    const auto& f = context.derivatives();
    const auto k1 = increments(context, f, start);
    const auto k2 = increments(context, f, {.states = advanced(context, start.states, k1, 0.5), .offset = 0.5});
    const auto k3 = increments(context, f, {.states = advanced(context, start.states, k2, 0.5), .offset = 0.5});
    const auto k4 = increments(context, f, {.states = advanced(context, start.states, k3, 1), .offset = 1});
    NextStates next;
    for (std::size_t s = 0; s < f.size(); ++s) {
        const ValueId middle = b.multiply(b.number(2), b.add(k2[s], k3[s]));
        const ValueId total = b.add(b.add(k1[s], k4[s]), middle);
        next.push_back(b.add(start.states[s], b.multiply(b.number(1.0 / 6), total)));
    }
    return next;
}

}  // namespace spikesmith
