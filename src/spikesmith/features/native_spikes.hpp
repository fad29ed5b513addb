// Spikes in native mode: detection with hysteresis on the recording's own samples, and the parts of each spike at places
// between samples.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace spikesmith {

// Samples at which spikes peak: maxima of at least `threshold` to which the potential rises by at least `height` from the lowest
// point since the spike before, and from which it falls by at least `height` afterwards. So noise smaller than `height` neither
// makes nor splits a spike wherever the trace lingers, spikes that ride on a plateau above the threshold count, and a
// spike that the beginning or the end of the trace cuts does not. Ties: the first sample.
void find_spikes(std::span<const double> voltage, double threshold, double height, std::vector<double>& peaks);

// A place in samples (native_interpolation.hpp) with the voltage there; NaN if a spike has no such part.
struct SpikePart {
    double place = 0;
    double value = 0;
};

// What the search for the parts of a spike needs to know.
struct SpikeSearch {
    std::span<const double> voltage;
    double dt = 0;                    // ms
    std::size_t half_width = 2;       // samples of local fits to either side
    double derivative_threshold = 0;  // mV/ms
    double down_derivative_threshold = 0;
    double height = 0;  // mV; the hysteresis of the detection
};

// Parts of the spike that peaks at sample `peak`; `begin` and `end` are samples between which it lies: the lowest points
// before and after it, or the borders of the trace.

// The onset: where the slope last rises through the threshold before the upstroke.
[[nodiscard]] SpikePart spike_onset(const SpikeSearch& search, std::size_t begin, std::size_t peak);
// The end: where the slope first comes back to the threshold after the downstroke.
[[nodiscard]] SpikePart spike_end(const SpikeSearch& search, std::size_t peak, std::size_t end);
// The minimum after the spike: the lowest point before a stretch of `lull` ms without a lower one.
[[nodiscard]] SpikePart first_minimum(const SpikeSearch& search, std::size_t peak, std::size_t end, double lull);
// Places nearest to the peak where the potential passes `level`, before and after it; NaN where it does not.
[[nodiscard]] double rise_through(const SpikeSearch& search, std::size_t begin, std::size_t peak, double level);
[[nodiscard]] double fall_through(const SpikeSearch& search, std::size_t peak, std::size_t end, double level);
// Largest slope between two samples, in mV/ms, by local fits; the largest of -slope for `sign` = -1. NaN if first > last.
[[nodiscard]] double steepest(const SpikeSearch& search, std::size_t first, std::size_t last, double sign);

}  // namespace spikesmith
