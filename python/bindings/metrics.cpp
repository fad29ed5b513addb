// Metrics: those of the core, and adapters that let a metric written in Python take part in a fit.
#include "convert.hpp"
#include "features.hpp"
#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/metrics/feature_metric.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/metric.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/metrics/spike_distance.hpp"
#include "spikesmith/metrics/spike_trains.hpp"

namespace spikesmith::python {
namespace {

// What both kinds of Python metrics have: methods of the package's Metric class, called with the interpreter lock held.
//
//     _exponents(exponents) -> (of the error, of the normalised error)
//     _errors(features: n_samples x n_traces) -> array (n_samples)
//     revert_normalization(error) -> error
class PythonMetric {
  public:
    explicit PythonMetric(nb::object metric, std::string description)
        : metric_(shared(std::move(metric))), description_(std::move(description)) {}

    [[nodiscard]] const std::string& description() const { return description_; }
    [[nodiscard]] nb::object method(const char* name) const { return metric_->attr(name); }

    [[nodiscard]] Dimension dimension(const Dimension& output, int which) const {
        const nb::gil_scoped_acquire lock;
        return to_dimension(nb::cast<Exponents>(method("_exponents")(to_exponents(output))[which]));
    }
    [[nodiscard]] std::vector<double> errors(const Array2& features) const {
        const nb::gil_scoped_acquire lock;
        const auto result = method("_errors")(view(features.values.data(), {features.rows, features.columns}));
        return checked(result, features.rows);
    }
    [[nodiscard]] double unnormalized(double error) const {
        const nb::gil_scoped_acquire lock;
        return nb::cast<double>(method("_unnormalized")(error));
    }
    // `size` numbers from an array that Python gave.
    [[nodiscard]] static std::vector<double> checked(const nb::object& array, std::size_t size) {
        const auto values = nb::cast<Vector>(array);
        if (values.size() != size) {
            throw ConfigError(fmt::format("the metric gave {} numbers where {} are expected", values.size(), size));
        }
        return to_vector(values);
    }

  private:
    std::shared_ptr<nb::object> metric_;
    std::string description_;
};

// _block(simulated: n_samples x n_traces x n_steps, target: n_traces x n_steps, dt, first_trace) -> n_samples*n_traces numbers
class PythonTraceMetric final : public TraceMetric {
  public:
    PythonTraceMetric(nb::object metric, std::string description)
        : python_(std::move(metric), std::move(description)) {}
    [[nodiscard]] std::string description() const override { return python_.description(); }
    [[nodiscard]] Dimension error_dimension(const Dimension& d) const override { return python_.dimension(d, 0); }
    [[nodiscard]] Dimension normalized_dimension(const Dimension& d) const override { return python_.dimension(d, 1); }
    [[nodiscard]] std::vector<double> errors(const Array2& features) const override { return python_.errors(features); }
    [[nodiscard]] double unnormalized(double error) const override { return python_.unnormalized(error); }
    void check(const TraceShape& shape) const override {
        const nb::gil_scoped_acquire lock;
        python_.method("_check")(shape.n_steps, shape.dt);
    }
    [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const override {
        const nb::gil_scoped_acquire lock;
        const auto result = python_.method("_block")(
            view(simulated.values.data(), {simulated.n_samples, simulated.n_traces, simulated.n_steps}),
            view(target.values.data(), {target.rows, target.columns}), dt, simulated.first_trace);
        Array2 features(simulated.n_samples, simulated.n_traces);
        features.values = PythonMetric::checked(result, features.values.size());
        return features;
    }

  private:
    PythonMetric python_;
};

// _pair(simulated, target, duration, dt) -> number
class PythonSpikeMetric final : public SpikeMetric {
  public:
    PythonSpikeMetric(nb::object metric, std::string description)
        : python_(std::move(metric), std::move(description)) {}
    [[nodiscard]] std::string description() const override { return python_.description(); }
    [[nodiscard]] Dimension error_dimension(const Dimension& d) const override { return python_.dimension(d, 0); }
    [[nodiscard]] Dimension normalized_dimension(const Dimension& d) const override { return python_.dimension(d, 1); }
    [[nodiscard]] std::vector<double> errors(const Array2& features) const override { return python_.errors(features); }
    [[nodiscard]] double unnormalized(double error) const override { return python_.unnormalized(error); }
    [[nodiscard]] double feature(SpikeTrain simulated, SpikeTrain target, double duration, double dt) const override {
        const nb::gil_scoped_acquire lock;
        return nb::cast<double>(python_.method("_pair")(view(simulated.data(), {simulated.size()}),
                                                        view(target.data(), {target.size()}), duration, dt));
    }

  private:
    PythonMetric python_;
};

struct MetricHandle {
    MetricPointer metric;
    bool spikes = false;
};

const TraceMetric& trace_metric(const MetricHandle& handle) {
    return dynamic_cast<const TraceMetric&>(*handle.metric);
}

std::vector<std::vector<double>> trains(const std::vector<Vector>& arrays) {
    std::vector<std::vector<double>> list;
    for (const auto& array : arrays) list.push_back(in_order(to_vector(array)));
    return list;
}

Loss to_loss(const std::string& name) {
    constexpr std::array<std::pair<std::string_view, Loss>, 4> losses{
        {{"squared", Loss::squared}, {"soft_l1", Loss::soft_l1}, {"huber", Loss::huber}, {"cauchy", Loss::cauchy}}};
    for (const auto& [word, loss] : losses) {
        if (word == name) return loss;
    }
    throw ConfigError("there is no loss `" + name + "`", "`squared`, `soft_l1`, `huber` or `cauchy`");
}

MSEOptions mse_options(double t_start, std::vector<double> t_weights, const PlainQuantity& normalization,
                       const std::string& loss, const std::optional<PlainQuantity>& loss_scale) {
    MSEOptions options;
    options.t_start = t_start;
    options.t_weights = std::move(t_weights);
    options.normalization = to_quantity(normalization);
    options.loss = to_loss(loss);
    if (loss_scale) options.loss_scale = to_quantity(*loss_scale);
    return options;
}

MissingCost to_policy(const std::string& rule, double amount) {
    constexpr std::array<std::pair<std::string_view, MissingRule>, 5> rules{{{"penalty", MissingRule::penalty},
                                                                             {"difference", MissingRule::difference},
                                                                             {"value", MissingRule::value},
                                                                             {"ignore", MissingRule::ignore},
                                                                             {"fail", MissingRule::fail}}};
    for (const auto& [word, value] : rules) {
        if (word == rule) return {value, amount};
    }
    throw ConfigError("there is no rule `" + rule + "` for missing features",
                      "`penalty`, `difference`, `value`, `ignore` or `fail`");
}

// name, weight, scale, whether sequences are compared, means, scales
using ComparedArgument = std::tuple<std::string, double, double, bool, std::vector<double>, std::vector<double>>;

MetricHandle to_feature_metric(const Windows& windows, const std::vector<ComparedArgument>& features, double t_start,
                               double normalization, double volts_per_unit, const std::string& mode,
                               const std::map<std::string, double>& settings,
                               const std::pair<std::string, double>& missing, std::vector<double> currents,
                               nb::object combine, std::string combine_name, bool sum_over_traces) {
    FeatureMetricOptions options;
    options.sum_over_traces = sum_over_traces;
    options.stimuli = to_windows(windows);
    const MissingCost policy = to_policy(missing.first, missing.second);
    for (const auto& [name, weight, scale, sequence, means, scales] : features) {
        options.features.push_back({.name = name,
                                    .weight = weight,
                                    .scale = scale,
                                    .comparison = sequence ? FeatureComparison::sequence : FeatureComparison::mean,
                                    .simulated_missing = policy,
                                    .recorded_missing = policy,
                                    .means = means,
                                    .scales = scales});
    }
    options.t_start = t_start;
    options.normalization = normalization;
    options.volts_per_unit = volts_per_unit;
    options.settings = to_settings(mode, settings);
    options.stimulus_currents = std::move(currents);
    if (!combine.is_none()) {
        options.combine = [held = shared(std::move(combine))](double simulated, double recorded) {
            const nb::gil_scoped_acquire lock;
            return nb::cast<double>((*held)(simulated, recorded));
        };
        options.combine_name = std::move(combine_name);
    }
    return {feature_metric(std::move(options)), false};
}

}  // namespace

MetricPointer metric_of(const nb::object& handle) {
    return nb::cast<const MetricHandle&>(handle).metric;
}

void bind_metrics(nb::module_& module) {
    nb::class_<MetricHandle>(module, "Metric")
        .def_ro("spikes", &MetricHandle::spikes)
        .def_prop_ro("description", [](const MetricHandle& handle) { return handle.metric->description(); })
        .def("error_dimension",
             [](const MetricHandle& handle, const Exponents& output) {
                 return to_exponents(handle.metric->error_dimension(to_dimension(output)));
             })
        .def("normalized_dimension",
             [](const MetricHandle& handle, const Exponents& output) {
                 return to_exponents(handle.metric->normalized_dimension(to_dimension(output)));
             })
        .def("unnormalized",
             [](const MetricHandle& handle, double error) { return handle.metric->unnormalized(error); })
        .def("errors", [](const MetricHandle& handle,
                          const Matrix& features) { return to_numpy(handle.metric->errors(to_array(features))); })
        .def(
            "trace_features",
            [](const MetricHandle& handle,
               const nb::ndarray<const double, nb::ndim<3>, nb::c_contig, nb::device::cpu>& model, const Matrix& target,
               double dt) {
                const TraceMetric& metric = trace_metric(handle);
                for (std::size_t r = 0; r < model.shape(1); ++r) {
                    metric.check({.trace = r, .n_traces = model.shape(1), .n_steps = model.shape(2), .dt = dt});
                }
                const TraceBlock block{model.shape(0), model.shape(1), model.shape(2), {model.data(), model.size()}, 0};
                return to_numpy(metric.features(block, to_array(target), dt));
            },
            nb::arg("model"), nb::arg("target"), nb::arg("dt"), "n_samples x n_traces")
        .def(
            "spike_features",
            [](const MetricHandle& handle, const std::vector<std::vector<Vector>>& model,
               const std::vector<Vector>& target, double duration, double dt) {
                const auto& metric = dynamic_cast<const SpikeMetric&>(*handle.metric);
                const auto recorded = trains(target);
                for (const auto& train : recorded) metric.check(train, duration, dt);
                Array2 features(model.size(), recorded.size());
                for (std::size_t s = 0; s < model.size(); ++s) {
                    const auto simulated = trains(model[s]);
                    if (simulated.size() != recorded.size())
                        throw DataError("simulated and recorded trains differ in number");
                    for (std::size_t r = 0; r < recorded.size(); ++r) {
                        features(s, r) = metric.feature(simulated[r], recorded[r], duration, dt);
                    }
                }
                return to_numpy(std::move(features));
            },
            nb::arg("model"), nb::arg("target"), nb::arg("duration"), nb::arg("dt"), "n_samples x n_traces");

    module.def(
        "mse",
        [](double t_start, std::vector<double> t_weights, const PlainQuantity& normalization, const std::string& loss,
           const std::optional<PlainQuantity>& loss_scale) {
            return MetricHandle{mse(mse_options(t_start, std::move(t_weights), normalization, loss, loss_scale)),
                                false};
        },
        nb::arg("t_start"), nb::arg("t_weights"), nb::arg("normalization"), nb::arg("loss") = "squared",
        nb::arg("loss_scale").none() = nb::none());
    module.def(
        "gamma_factor",
        [](double delta, std::optional<double> time, double t_start, double normalization, bool rate_correction,
           bool nearest) {
            return MetricHandle{
                gamma_factor({.delta = delta,
                              .time = time,
                              .t_start = t_start,
                              .normalization = normalization,
                              .rate_correction = rate_correction,
                              .matching = nearest ? SpikeMatching::nearest : SpikeMatching::one_to_one}),
                true};
        },
        nb::arg("delta"), nb::arg("time").none(), nb::arg("t_start"), nb::arg("normalization"),
        nb::arg("rate_correction"), nb::arg("nearest"));
    module.def(
        "van_rossum",
        [](double tau, double t_start, double normalization) {
            return MetricHandle{van_rossum({tau, t_start, normalization}), true};
        },
        nb::arg("tau"), nb::arg("t_start"), nb::arg("normalization"));
    module.def(
        "victor_purpura",
        [](double cost, double t_start, double normalization) {
            return MetricHandle{victor_purpura({cost, t_start, normalization}), true};
        },
        nb::arg("cost"), nb::arg("t_start"), nb::arg("normalization"));
    module.def("feature_metric", &to_feature_metric, nb::kw_only(), nb::arg("windows"), nb::arg("features"),
               nb::arg("t_start"), nb::arg("normalization"), nb::arg("volts_per_unit"), nb::arg("mode"),
               nb::arg("settings"), nb::arg("missing"), nb::arg("currents"), nb::arg("combine").none(),
               nb::arg("combine_name"), nb::arg("sum_over_traces"));
    module.def("python_trace_metric", [](nb::object metric, std::string description) {
        return MetricHandle{std::make_shared<PythonTraceMetric>(std::move(metric), std::move(description)), false};
    });
    module.def("python_spike_metric", [](nb::object metric, std::string description) {
        return MetricHandle{std::make_shared<PythonSpikeMetric>(std::move(metric), std::move(description)), true};
    });
}

}  // namespace spikesmith::python
