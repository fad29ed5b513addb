// One trial step of the adaptive Runge-Kutta solution, and what the trials come to, over a policy of operations: the arithmetic that
// interpreter and kernels share, so that both take the same steps.
#pragma once

#include <utility>
#include <vector>

#include "spikesmith/math/elementary.hpp"
#include "spikesmith/numerics/embedded_pairs.hpp"

namespace spikesmith {

template <class B>
struct AdaptiveProgress {
    std::vector<typename B::Real> states;
    typename B::Real elapsed;  // since the start of the step, seconds
    typename B::Real length;   // of the next trial
    typename B::Bool finished;
    // of solutions with a threshold: where an accepted step first ended past it
    typename B::Bool passed;
    std::vector<typename B::Real> passage;
    typename B::Real passage_length;  // of the trial that followed
};

template <class B>
AdaptiveProgress<B> adaptive_start(const B& b, const AdaptiveSolve& solve, double dt,
                                   std::vector<typename B::Real> states, typename B::Bool no) {
    auto passage = solve.threshold == no_value ? std::vector<typename B::Real>{} : states;
    return {.states = std::move(states),
            .elapsed = b.real(0),
            .length = b.real(dt),
            .finished = no,
            .passed = no,
            .passage = std::move(passage),
            .passage_length = b.real(0)};
}

// What the code of the solution gives for a moment.
template <class B>
struct AdaptiveRates {
    std::vector<typename B::Real> derivative;
    typename B::Bool past_threshold;  // of solutions with a threshold
};

// Tries one step from `from`. Where the error is too large, states and elapsed time stay and the next trial is shorter.
// `rates(elapsed, states)` gives AdaptiveRates. The caller repeats, at most solve.max_steps times, the lanes that have not
// finished, and takes `adaptive_result`.
template <class B, class Rates>
AdaptiveProgress<B> try_adaptive_step(const B& b, const AdaptiveSolve& solve, double dt,
                                      const AdaptiveProgress<B>& from, Rates rates) {
    using Real = typename B::Real;
    const EmbeddedPair& pair = embedded_pair(solve.tableau);
    const std::size_t n = from.states.size();
    const Real remaining = b.sub(b.real(dt), from.elapsed);
    const auto last = b.less_equal(remaining, from.length);
    const Real h = b.select(last, remaining, from.length);

    auto passed = from.passed;
    std::vector<Real> passage = from.passage;
    Real passage_length = from.passage_length;
    std::vector<std::vector<Real>> slopes;
    const auto combination = [&](const std::vector<double>& weights, std::size_t state) {
        Real total = b.real(0);
        for (std::size_t stage = 0; stage < weights.size(); ++stage) {
            if (weights[stage] != 0) total = b.fma(b.real(weights[stage]), slopes[stage][state], total);
        }
        return b.mul(h, total);
    };
    for (std::size_t stage = 0; stage < pair.stages(); ++stage) {
        std::vector<Real> states;
        for (std::size_t s = 0; s < n; ++s)
            states.push_back(stage == 0 ? from.states[s] : b.add(from.states[s], combination(pair.matrix[stage], s)));
        auto found = rates(b.fma(b.real(pair.nodes[stage]), h, from.elapsed), states);
        slopes.push_back(std::move(found.derivative));
        if (stage > 0 || passage.empty()) continue;
        const auto past = b.both(found.past_threshold, b.less(b.real(0), from.elapsed));
        for (std::size_t s = 0; s < n; ++s)
            passage[s] = b.select(passed, passage[s], b.select(past, states[s], passage[s]));
        passage_length = b.select(passed, passage_length, b.select(past, from.length, passage_length));
        passed = b.either(passed, past);
    }
    std::vector<Real> proposed;
    Real norm = b.real(0);
    for (std::size_t s = 0; s < n; ++s) {
        proposed.push_back(b.add(from.states[s], combination(pair.weights, s)));
        if (s >= solve.absolute_errors.size()) continue;
        const Real old_size = b.abs(from.states[s]), new_size = b.abs(proposed[s]);
        const Real size = b.select(b.less(old_size, new_size), new_size, old_size);
        const Real tolerance = b.fma(b.real(solve.relative_error), size, b.real(solve.absolute_errors[s]));
        const Real error = b.div(b.abs(combination(pair.error_weights, s)), tolerance);
        norm = b.select(b.either(b.less(norm, error), b.is_nan(error)), error,
                        norm);  // NaN once NaN: later comparisons are false
    }
    const auto accepted = b.less_equal(norm, b.real(1));
    Real factor = b.mul(b.real(StepControl::safety), math::pow(b, norm, b.real(-1.0 / pair.order)));
    factor =
        b.select(b.less(b.real(StepControl::smallest_factor), factor), factor, b.real(StepControl::smallest_factor));
    factor = b.select(b.less(factor, b.real(StepControl::largest_factor)), factor, b.real(StepControl::largest_factor));

    AdaptiveProgress<B> to{.states = from.states,
                           .elapsed = b.select(accepted, b.add(from.elapsed, h), from.elapsed),
                           .length = b.mul(h, factor),
                           .finished = b.both(accepted, last),
                           .passed = passed,
                           .passage = std::move(passage),
                           .passage_length = passage_length};
    for (std::size_t s = 0; s < n; ++s) to.states[s] = b.select(accepted, proposed[s], from.states[s]);
    return to;
}

// The states after all trials; `failed` for lanes that needed more.
template <class B>
std::vector<typename B::Real> adaptive_result(const B& b, const AdaptiveProgress<B>& progress,
                                              typename B::Real failed) {
    auto result = progress.states;
    const auto escapes =
        b.both(progress.passed, b.less(progress.length, b.mul(b.real(StepControl::escape), progress.passage_length)));
    for (std::size_t s = 0; s < result.size(); ++s) {
        const auto otherwise = progress.passage.empty() ? failed : b.select(escapes, progress.passage[s], failed);
        result[s] = b.select(progress.finished, result[s], otherwise);
    }
    return result;
}

}  // namespace spikesmith
