// Walks a program in extended precision with the C library's functions: the oracle of derivatives by finite differences.
//
// It repeats on purpose what the interpreter does, and shares no arithmetic with it: written a second time, in another precision, over
// other elementary functions, it agrees with the first only if both are right. Only the coefficients of the embedded pairs are shared.
// Random numbers are a fixed sequence.
//
// A run by an adaptive method notes the lengths of its steps, and another can take the same: then it is the scheme whose derivative
// tangents are, with its step lengths held.
#pragma once

#include <cmath>
#include <optional>
#include <stdexcept>
#include <vector>

#include "spikesmith/numerics/embedded_pairs.hpp"
#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith::test {

using Extended = long double;

namespace extended {

using Matrix = std::vector<Extended>;

inline Matrix multiply(std::size_t n, const Matrix& a, const Matrix& b) {
    Matrix c(n * n, 0);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < n; ++k) {
            for (std::size_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
        }
    }
    return c;
}

// Taylor series of a scaled matrix, squared back.
inline Matrix exponential(std::size_t n, Matrix a) {
    int squarings = 0;
    Extended norm = 0;
    for (const Extended x : a) norm = std::max(norm, std::fabs(x) * static_cast<Extended>(n));
    while (norm > Extended(1) / 64) {
        norm /= 2;
        ++squarings;
    }
    for (Extended& x : a) x = std::ldexp(x, -squarings);
    Matrix total(n * n, 0), term(n * n, 0);
    for (std::size_t i = 0; i < n; ++i) total[i * n + i] = term[i * n + i] = 1;
    for (int k = 1; k < 16; ++k) {
        term = multiply(n, term, a);
        for (std::size_t i = 0; i < n * n; ++i) {
            term[i] /= k;
            total[i] += term[i];
        }
    }
    for (int s = 0; s < squarings; ++s) total = multiply(n, total, total);
    return total;
}

inline Extended modulo(Extended a, Extended b) {
    return a - std::floor(a / b) * b;
}

template <class Coefficient>
Extended taylor(Extended x, Coefficient coefficient) {
    Extended sum = 0;
    for (int n = 20; n >= 0; --n) sum = sum * x + coefficient(n);
    return sum;
}

inline Extended operation(Op op, Extended a, Extended b, Extended c) {
    switch (op) {
        case Op::add:
            return a + b;
        case Op::subtract:
            return a - b;
        case Op::multiply:
            return a * b;
        case Op::divide:
            return a / b;
        case Op::negate:
            return -a;
        case Op::power:
            return std::pow(a, b);
        case Op::floor_divide:
            return std::floor(a / b);
        case Op::modulo:
            return modulo(a, b);
        case Op::less:
            return a < b ? 1 : 0;
        case Op::less_equal:
            return a <= b ? 1 : 0;
        case Op::greater:
            return a > b ? 1 : 0;
        case Op::greater_equal:
            return a >= b ? 1 : 0;
        case Op::equal:
            return a == b ? 1 : 0;
        case Op::not_equal:
            return a != b ? 1 : 0;
        case Op::logical_and:
            return a != 0 && b != 0 ? 1 : 0;
        case Op::logical_or:
            return a != 0 || b != 0 ? 1 : 0;
        case Op::logical_not:
            return a == 0 ? 1 : 0;
        case Op::select:
            return a != 0 ? b : c;
        case Op::exp:
            return std::exp(a);
        case Op::expm1:
            return std::expm1(a);
        case Op::exprel:
            return a == 0 ? 1 : std::expm1(a) / a;
        case Op::x_over_expm1:
            return a == 0 ? 1 : a / std::expm1(a);
        case Op::exprel_slope:
            if (std::fabs(a) > Extended(0.1)) return (std::exp(a) * (a - 1) + 1) / (a * a);
            return taylor(a, [](int n) { return (n + 1) / std::tgamma(static_cast<Extended>(n + 3)); });
        case Op::exp_given:
            return std::exp(a);
        case Op::x_over_expm1_given:
            return operation(Op::x_over_expm1, a, 0, 0);
        case Op::x_over_expm1_slope: {
            const Extended e = a == 0 ? 1 : std::expm1(a) / a;  // 1/e is the function
            return -operation(Op::exprel_slope, a, 0, 0) / (e * e);
        }
        case Op::log:
            return std::log(a);
        case Op::log10:
            return std::log10(a);
        case Op::log1p:
            return std::log1p(a);
        case Op::sqrt:
            return std::sqrt(a);
        case Op::sin:
            return std::sin(a);
        case Op::cos:
            return std::cos(a);
        case Op::tan:
            return std::tan(a);
        case Op::sinh:
            return std::sinh(a);
        case Op::cosh:
            return std::cosh(a);
        case Op::tanh:
            return std::tanh(a);
        case Op::arcsin:
            return std::asin(a);
        case Op::arccos:
            return std::acos(a);
        case Op::arctan:
            return std::atan(a);
        case Op::arcsinh:
            return std::asinh(a);
        case Op::arccosh:
            return std::acosh(a);
        case Op::arctanh:
            return std::atanh(a);
        case Op::arctan2:
            return std::atan2(a, b);
        case Op::floor:
            return std::floor(a);
        case Op::ceil:
            return std::ceil(a);
        case Op::abs:
            return std::fabs(a);
        case Op::sign:
            return a > 0 ? 1 : a < 0 ? -1 : 0;
        case Op::truncate:
            return std::trunc(a);
        case Op::minimum:
            return std::fmin(a, b);
        case Op::maximum:
            return std::fmax(a, b);
        default:
            throw std::logic_error("not an operation of the oracle");
    }
}

// A fixed sequence that looks normal enough; the same for every parameter value.
inline Extended fixed_normal(std::int64_t k, std::int32_t site) {
    return std::sin(Extended(12.9898) * static_cast<Extended>(k + 2) + static_cast<Extended>(site)) * Extended(1.4);
}

}  // namespace extended

using Lengths = std::vector<Extended>;  // of the accepted steps within one dt

struct ExtendedRun {
    std::vector<std::vector<Extended>> states;   // [step][state], after each step
    std::vector<std::vector<Extended>> outputs;  // [step][output], before each step
    std::vector<std::int64_t> spikes;
    std::vector<Lengths> lengths;  // of adaptive methods, one list per dt
    std::size_t rejected = 0;      // trial steps of adaptive methods
};

namespace extended {

// From the start of a dt to its end, or to where a solution passes the threshold that becomes infinite then. `held`: the lengths to take;
// absent: as the error estimates say. `lengths` gets those taken. `past` tells whether the derivative was last taken past the threshold.
template <class Derivative>
std::vector<Extended> solve_adaptively(const AdaptiveSolve& solve, Extended dt, std::vector<Extended> states,
                                       Derivative derivative, const bool& past, const Lengths* held, Lengths& lengths,
                                       std::size_t& rejected) {
    const EmbeddedPair& pair = embedded_pair(solve.tableau);
    const auto sum = [&](const std::vector<double>& weights, const auto& slopes, std::size_t s) {
        Extended total = 0;
        for (std::size_t j = 0; j < weights.size(); ++j) total += static_cast<Extended>(weights[j]) * slopes[j][s];
        return total;
    };
    Extended elapsed = 0;
    Extended length = dt;
    struct Passage {
        std::size_t steps;
        Extended length;
        std::vector<Extended> states;
    };
    std::optional<Passage> passage;
    for (int trial = 0; trial < solve.max_steps; ++trial) {
        const bool last = held ? lengths.size() + 1 == held->size() : dt - elapsed <= length;
        const Extended h = held ? (*held)[lengths.size()] : last ? dt - elapsed : length;
        std::vector<std::vector<Extended>> slopes;
        for (std::size_t stage = 0; stage < pair.stages(); ++stage) {
            auto moved = states;
            for (std::size_t s = 0; s < moved.size(); ++s) moved[s] += h * sum(pair.matrix[stage], slopes, s);
            slopes.push_back(derivative(elapsed + h * static_cast<Extended>(pair.nodes[stage]), moved));
            if (stage == 0 && past && !lengths.empty() && !passage) passage = {lengths.size(), length, states};
        }
        auto next = states;
        Extended norm = 0;
        for (std::size_t s = 0; s < states.size(); ++s) {
            next[s] += h * sum(pair.weights, slopes, s);
            if (s >= solve.absolute_errors.size()) continue;
            const Extended size = std::fmax(std::fabs(states[s]), std::fabs(next[s]));
            const Extended tolerance = solve.absolute_errors[s] + solve.relative_error * size;
            const Extended error = std::fabs(h * sum(pair.error_weights, slopes, s)) / tolerance;
            if (!(error <= norm)) norm = error;  // NaN too
        }
        length = h * std::fmin(std::fmax(StepControl::safety * std::pow(norm, Extended(-1) / pair.order),
                                         Extended(StepControl::smallest_factor)),
                               Extended(StepControl::largest_factor));
        if (!held && !(norm <= 1)) {
            ++rejected;
            continue;
        }
        states = std::move(next);
        elapsed += h;
        lengths.push_back(h);
        if (last) return states;
    }
    if (!passage || !(length < passage->length / 100))
        throw std::runtime_error("the adaptive method needs too many steps");
    lengths.resize(passage->steps);
    return passage->states;
}

}  // namespace extended

inline ExtendedRun extended_run(const UpdateProgram& program, std::int64_t n_steps,
                                const std::vector<Extended>& parameters,
                                const std::vector<std::vector<double>>& time_inputs,
                                const std::vector<Lengths>* held = nullptr) {
    ExtendedRun run;
    std::vector<Extended> states(program.states.size(), 0);
    std::vector<Extended> solved;  // by the adaptive method
    // `inside`: in code of the adaptive method, the values of the outer code, the time and the states of a stage
    struct Stage {
        const std::vector<Extended>& outer;
        Extended time;
        const std::vector<Extended>& states;
    };
    const auto evaluate_code = [&](const auto& self, const Code& code, std::int64_t k, const std::vector<double>& row,
                                   const Stage* inside) -> std::vector<Extended> {
        std::vector<Extended> values(code.size());
        const auto solve_once = [&] {
            const AdaptiveSolve& solve = program.adaptive.value();
            std::vector<Extended> from;
            for (const ValueId v : solve.start) from.push_back(values[static_cast<std::size_t>(v)]);
            bool past = false;
            const auto derivative = [&](Extended elapsed, const std::vector<Extended>& at) {
                const Stage stage{values, static_cast<Extended>(k) * program.dt + elapsed, at};
                const auto inner = self(self, solve.code, k, row, &stage);
                std::vector<Extended> out;
                for (const ValueId d : solve.derivative) out.push_back(inner[static_cast<std::size_t>(d)]);
                past = solve.threshold != no_value && inner[static_cast<std::size_t>(solve.threshold)] != 0;
                return out;
            };
            const auto step = static_cast<std::size_t>(k);
            run.lengths.resize(step + 1);
            solved = extended::solve_adaptively(solve, program.dt, from, derivative, past,
                                                held ? &(*held)[step] : nullptr, run.lengths[step], run.rejected);
        };
        for (std::size_t n = 0; n < code.size(); ++n) {
            const Instruction& i = code[n];
            const auto index = static_cast<std::size_t>(i.index);
            const auto arg = [&](std::size_t a) {
                return i.args[a] == no_value ? Extended(0) : values[static_cast<std::size_t>(i.args[a])];
            };
            switch (i.source) {
                case Source::operation:
                    if (i.op == Op::number)
                        values[n] = i.number;
                    else if (i.op == Op::normal)
                        values[n] = extended::fixed_normal(k, i.index);
                    else
                        values[n] = extended::operation(i.op, arg(0), arg(1), arg(2));
                    break;
                case Source::fused:
                    values[n] = arg(0) * arg(1) + arg(2);
                    break;
                case Source::parameter:
                    values[n] = parameters[index];
                    break;
                case Source::state:
                    values[n] = states[index];
                    break;
                case Source::time_input:
                    values[n] = row[index];
                    break;
                case Source::time:
                    values[n] = (static_cast<Extended>(k) + i.number) * program.dt;
                    break;
                case Source::step_index:
                    values[n] = static_cast<Extended>(k);
                    break;
                case Source::lane_index:
                    values[n] = 0;
                    break;
                case Source::lane_count:
                    values[n] = 1;
                    break;
                case Source::iteration:
                    values[n] = 1e9;
                    break;
                case Source::matrix_exponential: {
                    const auto& matrix = program.matrix_exponentials[static_cast<std::size_t>(i.args[0])];
                    extended::Matrix entries;
                    for (const ValueId e : matrix.entries) entries.push_back(values[static_cast<std::size_t>(e)]);
                    values[n] = extended::exponential(static_cast<std::size_t>(matrix.n), entries)[index];
                    break;
                }
                case Source::adaptive:
                    if (solved.empty()) solve_once();
                    values[n] = solved[index];
                    break;
                case Source::recorded:
                    throw std::logic_error("programs that read a recording are not run here");
                case Source::outer:
                    values[n] = inside->outer[static_cast<std::size_t>(i.args[0])];
                    break;
                case Source::solver_state:
                    values[n] = inside->states[index];
                    break;
                case Source::solver_time:
                    values[n] = inside->time;
                    break;
            }
        }
        return values;
    };
    const auto evaluate = [&](const Code& code, std::int64_t k, const std::vector<double>& row) {
        solved.clear();
        return evaluate_code(evaluate_code, code, k, row, nullptr);
    };
    const auto row = [&](std::int64_t k) {
        return time_inputs.empty() ? std::vector<double>{} : time_inputs[static_cast<std::size_t>(k)];
    };
    const auto first = evaluate(program.init, -1, row(0));
    for (std::size_t s = 0; s < states.size(); ++s)
        states[s] = first[static_cast<std::size_t>(program.states[s].initial)];
    for (std::int64_t k = 0; k < n_steps; ++k) {
        const auto values = evaluate(program.step, k, row(k));
        std::vector<Extended> outputs;
        for (const auto& output : program.outputs) outputs.push_back(values[static_cast<std::size_t>(output.value)]);
        run.outputs.push_back(std::move(outputs));
        if (program.spike != no_value && values[static_cast<std::size_t>(program.spike)] != 0) run.spikes.push_back(k);
        for (std::size_t s = 0; s < states.size(); ++s)
            states[s] = values[static_cast<std::size_t>(program.states[s].next)];
        run.states.push_back(states);
    }
    return run;
}

}  // namespace spikesmith::test
