// Fitters by what they compare with: traces, spike trains, or traces whose errors are computed while simulating.
#pragma once

#include "spikesmith/fit/fitter.hpp"

namespace spikesmith {

// Compares traces (and spikes, if there are any), by default with the mean squared error.
class TraceFitter : public Fitter {
  public:
    // Throws ConfigError if there is no recorded trace.
    explicit TraceFitter(FitterOptions options);
};

// Compares spike trains (and traces, if there are any), by default with the Gamma factor with a window of 2 ms.
class SpikeFitter : public Fitter {
  public:
    // Throws ConfigError if there are no recorded spikes.
    explicit SpikeFitter(FitterOptions options);
};

// A TraceFitter that accepts only metrics with an online form, so that memory is certain not to grow with the length of the
// traces. (Every Fitter computes errors online where the metric allows it; here it is a promise.)
class OnlineTraceFitter : public Fitter {
  public:
    // Throws ConfigError if there is no recorded trace, or if spikes are recorded. `fit` throws it for other metrics.
    explicit OnlineTraceFitter(FitterOptions options);
};

}  // namespace spikesmith
