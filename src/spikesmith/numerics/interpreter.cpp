#include "spikesmith/numerics/interpreter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/philox.hpp"
#include "spikesmith/numerics/adaptive_trial.hpp"
#include "spikesmith/numerics/apply.hpp"
#include "spikesmith/numerics/matrix_exponential.hpp"

namespace spikesmith {
namespace {

using Scalar = math::ScalarOperations<double>;
constexpr Scalar scalar{};

}  // namespace

Interpreter::Interpreter(const UpdateProgram& program)
    : program_(program), outputs_(program.outputs.size()), matrix_results_(program.matrix_exponentials.size()) {}

double Interpreter::value(const Instruction& i, const std::vector<double>& values, std::int64_t k,
                          std::span<const double> time_inputs, double solver_time,
                          std::span<const double> solver_states) const {
    const auto index = static_cast<std::size_t>(i.index);
    const auto arg = [&](std::size_t n) {
        return i.args[n] == no_value ? 0.0 : values[static_cast<std::size_t>(i.args[n])];
    };
    switch (i.source) {
        case Source::operation:
            break;
        case Source::fused:
            return std::fma(arg(0), arg(1), arg(2));
        case Source::parameter:
            return parameters_[index];
        case Source::state:
            return states_[index];
        case Source::time_input:
            return time_inputs[index];
        case Source::time:
            return (static_cast<double>(k) + i.number) * program_.dt;
        case Source::step_index:
            return static_cast<double>(k);
        case Source::lane_index:
            return static_cast<double>(lane_.sample) * lane_.n_traces + lane_.trace;
        case Source::lane_count:
            return static_cast<double>(lane_.n_samples) * lane_.n_traces;
        case Source::iteration:
            return lane_.iteration;
        case Source::matrix_exponential:
            return matrix_results_[static_cast<std::size_t>(i.args[0])][index];
        case Source::adaptive:
            return adaptive_result_[index];
        case Source::recorded:
            return recorded_[index];
        case Source::outer:
            return values_[static_cast<std::size_t>(i.args[0])];
        case Source::solver_state:
            return solver_states[index];
        case Source::solver_time:
            return solver_time;
    }
    switch (i.op) {
        case Op::number:
            return i.number;
        case Op::uniform:
        case Op::normal:
        case Op::poisson: {
            const math::RandomKey key{.seed = lane_.seed,
                                      .step = static_cast<std::uint32_t>(k),
                                      .sample = lane_.random_sample,
                                      .trace = lane_.trace,
                                      .site = static_cast<std::uint32_t>(i.index)};
            if (i.op == Op::uniform) return math::uniform(key);
            return i.op == Op::normal ? math::normal(key) : math::poisson(arg(0), key);
        }
        default:
            break;
    }
    using Value = PolicyValue<Scalar>;
    const auto operand = [&](std::size_t n) { return Value(std::in_place_index<0>, arg(n)); };  // booleans are 0 and 1
    return as_real(scalar, apply_operation(scalar, i.op, operand(0), operand(1), operand(2)));
}

void Interpreter::run(const Code& code, std::vector<double>& values, std::int64_t k,
                      std::span<const double> time_inputs) {
    values.assign(code.size(), 0.0);
    for (auto& result : matrix_results_) result.clear();
    bool solved = false;
    for (std::size_t n = 0; n < code.size(); ++n) {
        const Instruction& i = code[n];
        if (i.source == Source::matrix_exponential) {
            const auto& matrix = program_.matrix_exponentials[static_cast<std::size_t>(i.args[0])];
            auto& result = matrix_results_[static_cast<std::size_t>(i.args[0])];
            if (result.empty()) {
                std::vector<double> entries;
                for (const ValueId entry : matrix.entries) entries.push_back(values[static_cast<std::size_t>(entry)]);
                result.resize(entries.size());
                matrix_exponential(matrix.n, entries.data(), result.data());
            }
        }
        if (i.source == Source::adaptive && !solved) {
            solve_adaptively(k);
            solved = true;
        }
        values[n] = value(i, values, k, time_inputs, 0, {});
    }
}

void Interpreter::start(std::span<const double> parameters, std::span<const double> time_inputs,
                        const LaneContext& lane) {
    if (parameters.size() != program_.parameters.size())
        throw NumericalError("as many parameter values as the program has parameters are needed");
    lane_ = lane;
    parameters_.assign(parameters.begin(), parameters.end());
    states_.assign(program_.states.size(), 0.0);
    run(program_.init, values_, -1, time_inputs);
    for (std::size_t s = 0; s < states_.size(); ++s)
        states_[s] = values_[static_cast<std::size_t>(program_.states[s].initial)];
    spiked_ = false;
}

void Interpreter::set_states(std::span<const double> states) {
    states_.assign(states.begin(), states.end());
}

void Interpreter::set_recorded(std::span<const double> recorded) {
    recorded_.assign(recorded.begin(), recorded.end());
}

void Interpreter::step(std::int64_t k, std::span<const double> time_inputs) {
    run(program_.step, values_, k, time_inputs);
    for (std::size_t o = 0; o < outputs_.size(); ++o)
        outputs_[o] = values_[static_cast<std::size_t>(program_.outputs[o].value)];
    spiked_ = program_.spike != no_value && values_[static_cast<std::size_t>(program_.spike)] != 0;
    for (std::size_t s = 0; s < states_.size(); ++s)
        states_[s] = values_[static_cast<std::size_t>(program_.states[s].next)];
}

void Interpreter::solve_adaptively(std::int64_t k) {
    const AdaptiveSolve& solve = *program_.adaptive;
    const double start = static_cast<double>(k) * program_.dt;
    const auto rates = [&](double elapsed, const std::vector<double>& states) {
        adaptive_values_.assign(solve.code.size(), 0.0);
        for (std::size_t n = 0; n < solve.code.size(); ++n)
            adaptive_values_[n] = value(solve.code[n], adaptive_values_, k, {}, start + elapsed, states);
        AdaptiveRates<Scalar> out{};
        for (const ValueId d : solve.derivative)
            out.derivative.push_back(adaptive_values_[static_cast<std::size_t>(d)]);
        if (solve.threshold != no_value)
            out.past_threshold = adaptive_values_[static_cast<std::size_t>(solve.threshold)] != 0;
        return out;
    };
    std::vector<double> states;
    for (const ValueId s : solve.start) states.push_back(values_[static_cast<std::size_t>(s)]);
    auto progress = adaptive_start(scalar, solve, program_.dt, std::move(states), false);
    std::size_t until_passage = 0;
    solver_lengths_.clear();
    for (int trial = 0; trial < solve.max_steps && !progress.finished; ++trial) {
        const auto before = progress;
        progress = try_adaptive_step(scalar, solve, program_.dt, before, rates);
        if (progress.passed && !before.passed) until_passage = solver_lengths_.size();
        if (progress.finished || progress.elapsed > before.elapsed)
            solver_lengths_.push_back(std::min(before.length, program_.dt - before.elapsed));
    }
    if (!progress.finished && progress.passed) solver_lengths_.resize(until_passage);
    adaptive_result_ = adaptive_result(scalar, progress, std::numeric_limits<double>::quiet_NaN());
}

}  // namespace spikesmith
