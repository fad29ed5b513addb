#include "spikesmith/fit/trace_fitter.hpp"

#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

FitterOptions with_traces(FitterOptions options, std::string_view fitter) {
    if (options.recordings.outputs.empty()) {
        throw ConfigError(fmt::format("a {} needs the recorded traces of at least one output", fitter));
    }
    return options;
}

FitterOptions with_spikes(FitterOptions options) {
    if (!options.recordings.spikes) throw ConfigError("a SpikeFitter needs recorded spike times");
    return options;
}

FitterOptions online(FitterOptions options) {
    if (options.recordings.spikes) {
        throw ConfigError("an OnlineTraceFitter does not compare spikes", "use a TraceFitter or a SpikeFitter");
    }
    options.online_only = true;
    return options;
}

}  // namespace

TraceFitter::TraceFitter(FitterOptions options) : Fitter(with_traces(std::move(options), "TraceFitter")) {}

SpikeFitter::SpikeFitter(FitterOptions options) : Fitter(with_spikes(std::move(options))) {}

OnlineTraceFitter::OnlineTraceFitter(FitterOptions options)
    : Fitter(with_traces(online(std::move(options)), "OnlineTraceFitter")) {}

}  // namespace spikesmith
