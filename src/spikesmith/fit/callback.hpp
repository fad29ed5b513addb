// Callbacks: what happens after each round of a fit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/results.hpp"

namespace spikesmith {

enum class CallbackAction : std::uint8_t { proceed, stop };

// A finished round. Valid during the call only.
struct RoundReport {
    std::size_t round = 0;                        // within this call of fit, from 0
    std::size_t n_rounds = 0;                     // planned for this call
    std::size_t iteration = 0;                    // the model's `iteration` in this round
    std::span<const FittedParameter> parameters;  // with the best values so far
    const Array2& samples;                        // of this round: n_samples x fitted parameters, SI
    std::span<const double> errors;               // of this round: n_samples
    const std::optional<BestFit>& best;           // so far
    const Dimension& error_dimension;
    std::size_t n_evaluations = 0;  // since the last restart
    std::size_t n_failed = 0;       // since the last restart
    double elapsed_seconds = 0;     // of this call
    double remaining_seconds = 0;   // estimated from the rounds done
};

// Called after each round from the thread that called fit. An exception ends the fit and reaches the caller of fit.
using FitCallback = std::function<CallbackAction(const RoundReport&)>;

// Two lines a round:  Round 0: Best parameters E=-61.222 mV, R=61.675 Mohm
//                              Best error: 683.472 mV^2 (v)
[[nodiscard]] FitCallback text_callback(std::ostream& out);

// A bar with the best error and the time left, redrawn in place on a terminal; else a plain line now and then (about 20
// in all). `terminal`: whether `out` is one.
[[nodiscard]] FitCallback progress_bar(std::ostream& out, bool terminal);

// Whether standard output (1) or standard error (2) is a terminal.
[[nodiscard]] bool is_terminal(int descriptor);

}  // namespace spikesmith
