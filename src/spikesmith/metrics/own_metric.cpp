#include "spikesmith/metrics/own_metric.hpp"

#include <memory>
#include <utility>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

void check(const std::string& name, bool callable) {
    if (name.empty())
        throw ConfigError("a metric of one's own needs a name", "the name tells metrics apart when a fit is continued");
    if (!callable) throw ConfigError("the metric `" + name + "` has no function");
}

class OwnTraceMetric final : public TraceMetric {
  public:
    OwnTraceMetric(std::string name, TraceFunction function) : name_(std::move(name)), function_(std::move(function)) {}
    [[nodiscard]] std::string description() const override { return name_; }
    [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const override {
        Array2 result(simulated.n_samples, simulated.n_traces);
        for (std::size_t s = 0; s < simulated.n_samples; ++s) {
            for (std::size_t r = 0; r < simulated.n_traces; ++r) {
                result(s, r) = function_(simulated.trace(s, r), target.row(r), dt);
            }
        }
        return result;
    }

  private:
    std::string name_;
    TraceFunction function_;
};

class OwnSpikeMetric final : public SpikeMetric {
  public:
    OwnSpikeMetric(std::string name, SpikeFunction function) : name_(std::move(name)), function_(std::move(function)) {}
    [[nodiscard]] std::string description() const override { return name_; }
    [[nodiscard]] double feature(SpikeTrain simulated, SpikeTrain target, double duration, double dt) const override {
        return function_(simulated, target, duration, dt);
    }

  private:
    std::string name_;
    SpikeFunction function_;
};

}  // namespace

MetricPointer own_trace_metric(std::string name, TraceFunction function) {
    check(name, static_cast<bool>(function));
    return std::make_shared<const OwnTraceMetric>(std::move(name), std::move(function));
}

MetricPointer own_spike_metric(std::string name, SpikeFunction function) {
    check(name, static_cast<bool>(function));
    return std::make_shared<const OwnSpikeMetric>(std::move(name), std::move(function));
}

}  // namespace spikesmith
