#include "spikesmith/fit/refine_spikes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "spikesmith/fit/names.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith {

namespace {

constexpr double first_width = 1e-3;  // of differences, share of the box
constexpr double narrowest = 1e-7;
constexpr double widest = 0.05;
constexpr double wanted_shift = 4;  // steps by which spikes move in a difference
constexpr int attempts = 3;         // at the width
constexpr const char* margin_name = "@margin";
constexpr const char* overshoot_name = "@overshoot";

// Left minus right side of a threshold that is one comparison.
std::optional<Expression> margin_of(const Expression& threshold) {
    const auto arguments = threshold.arguments();
    switch (threshold.op()) {
        case Op::greater:
        case Op::greater_equal:
            return arguments[0] - arguments[1];
        case Op::less:
        case Op::less_equal:
            return arguments[1] - arguments[0];
        default:
            return std::nullopt;
    }
}

// The program of the fit that also records the margin before each step, and after the last step with a spike.
UpdateProgram program_with_margin(const FitSetup& setup, const FitterOptions& options) {
    Model model = options.model;
    std::vector<std::string> outputs;
    if (const auto margin = margin_of(model.inlined(*model.threshold))) {
        model.subexpressions.push_back(
            {.name = margin_name, .dimension = dimensions::none, .value = *margin, .text = ""});
        model.states.push_back(
            {.name = overshoot_name, .dimension = dimensions::none, .derivative = Expression(0.0), .text = "0"});
        model.reset.insert(model.reset.begin(), {overshoot_name, *margin});
        outputs = {margin_name, overshoot_name};
    }
    IntegrationOptions integration{.method = setup.program.method, .dt = setup.program.dt, .outputs = outputs};
    integration.parameters = names_of(open_parameters(options.model));
    integration.absolute_error = options.absolute_error;
    integration.relative_error = options.relative_error;
    integration.max_adaptive_steps = options.max_adaptive_steps;
    return integrate(model, integration);
}

// Half the median interval between recorded spikes.
double half_interval(const std::vector<std::vector<double>>& trains, double duration) {
    std::vector<double> intervals;
    for (const auto& train : trains) {
        for (std::size_t i = 1; i < train.size(); ++i) intervals.push_back(train[i] - train[i - 1]);
    }
    if (intervals.empty()) return duration / 4;
    std::ranges::sort(intervals);
    return intervals[intervals.size() / 2] / 2;
}

// The train with at least `n` spikes: those that are missing follow at its last interval, or one by one at the end of the trace
// where there is none.
std::vector<double> continued(std::vector<double> train, std::size_t n, double duration) {
    const std::size_t known = train.size();
    const double interval = known > 1 ? train[known - 1] - train[known - 2] : 0;
    while (train.size() < n) train.push_back(interval > 0 ? train.back() + interval : duration);
    return train;
}

}  // namespace

std::vector<SpikePair> match_spikes(std::span<const double> simulated, std::span<const double> recorded,
                                    double missing) {
    const std::size_t n = simulated.size();
    const std::size_t m = recorded.size();
    const double alone = missing * missing / 2;
    Array2 cost(n + 1, m + 1);
    for (std::size_t i = 0; i <= n; ++i) {
        for (std::size_t j = 0; j <= m; ++j) {
            if (i == 0 || j == 0) {
                cost(i, j) = static_cast<double>(i + j) * alone;
                continue;
            }
            const double difference = simulated[i - 1] - recorded[j - 1];
            cost(i, j) = std::min(
                {cost(i - 1, j - 1) + difference * difference, cost(i - 1, j) + alone, cost(i, j - 1) + alone});
        }
    }
    std::vector<SpikePair> pairs;
    for (std::size_t i = n, j = m; i > 0 && j > 0;) {
        if (cost(i, j) == cost(i - 1, j) + alone) {
            --i;
        } else if (cost(i, j) == cost(i, j - 1) + alone) {
            --j;
        } else {
            pairs.push_back({--i, --j});
        }
    }
    std::ranges::reverse(pairs);
    return pairs;
}

SpikeTimeEquations::SpikeTimeEquations(const FitSetup& setup, const FitterOptions& options, const TraceData& data)
    : parameters_(setup.parameters),
      recorded_(*data.spikes),
      trace_factors_(setup.trace_factors),
      durations_(data.n_traces),
      dt_(data.dt),
      missing_(half_interval(recorded_, static_cast<double>(data.n_steps) * data.dt)),
      n_recorded_(0),
      noise_(setup.noise),
      ensemble_(program_with_margin(setup, options), setup.data, setup.ensemble),
      widths_(setup.parameters.space().dimension(), first_width) {
    for (std::size_t r = 0; r < data.n_traces; ++r) {
        n_recorded_ += static_cast<double>(recorded_[r].size());
        durations_[r] = data.duration(r);
    }
    n_recorded_ = std::max(n_recorded_, 1.0);
}

std::vector<std::vector<double>> SpikeTimeEquations::spike_times(const Array2& parameters,
                                                                 const std::atomic<bool>* cancelled) {
    const std::size_t n_traces = recorded_.size();
    std::vector<std::vector<double>> times(parameters.rows * n_traces);
    const bool interpolated = !ensemble_.program().outputs.empty();
    RunRequest request{.iteration = refine_iteration,
                       .first_evaluation = noise_,
                       .same_noise = true,
                       .outputs = interpolated,
                       .spikes = true,
                       .cancelled = cancelled};
    request.observer = [&](const BlockView& block) {
        std::vector<double> before(block.n_steps);
        std::vector<double> after(block.n_steps);
        for (std::size_t s = 0; s < block.n_samples; ++s) {
            auto& train = times[(block.first_sample + s) * n_traces + block.trace];
            if (interpolated) {
                block.copy_output(0, s, before);
                block.copy_output(1, s, after);
            }
            for (const std::int32_t spike : block.spikes(s)) {
                const auto step = static_cast<std::size_t>(spike);
                double share = 0.5;  // of the step, when the threshold is crossed
                if (interpolated && step + 1 < block.n_steps) {
                    const double rise = after[step + 1] - before[step];
                    if (rise > 0) share = std::clamp(-before[step] / rise, 0.0, 1.0);
                }
                // a spike in step k has the time k*dt: on average the crossing less half a step
                train.push_back((static_cast<double>(step) + share - 0.5) * dt_);
            }
        }
    };
    ensemble_.run(parameters, request);
    return times;
}

std::vector<LeastSquaresPoint> SpikeTimeEquations::at(const Array2& points, bool derivatives, SpikePairing pairing,
                                                      const std::atomic<bool>* cancelled) {
    const std::size_t d = points.columns;
    const std::size_t n_traces = recorded_.size();
    const std::size_t lanes = derivatives ? 1 + 2 * d : 1;
    const auto& ranges = parameters_.space().ranges();
    std::vector<LeastSquaresPoint> result(points.rows);
    for (int attempt = 0; attempt < attempts; ++attempt) {
        Array2 samples(points.rows * lanes, d);
        std::vector<DifferenceOffsets> offsets(points.rows * d);
        for (std::size_t s = 0; s < points.rows; ++s) {
            for (std::size_t lane = 0; lane < lanes; ++lane)
                std::ranges::copy(points.row(s), samples.row(s * lanes + lane).begin());
            for (std::size_t k = 0; k < d && derivatives; ++k) {
                if (ranges[k].integer) continue;
                offsets[s * d + k] = offsets_around(points(s, k), widths_[k]);
                samples(s * lanes + 1 + 2 * k, k) += offsets[s * d + k].a;
                samples(s * lanes + 2 + 2 * k, k) += offsets[s * d + k].b;
            }
        }
        const auto times = spike_times(parameters_at(parameters_, samples), cancelled);
        std::vector<double> shift(d, 0.0);  // largest, in steps
        for (std::size_t s = 0; s < points.rows; ++s) {
            LeastSquaresPoint& point = result[s];
            point = {.cost = 0,
                     .gradient = std::vector<double>(derivatives ? d : 0, 0.0),
                     .matrix = derivatives ? Array2(d, d) : Array2()};
            for (std::size_t r = 0; r < n_traces; ++r) {
                const double factor = (trace_factors_.empty() ? 1 : trace_factors_[r]) / n_recorded_;
                const std::vector<double>& simulated = times[s * lanes * n_traces + r];
                const bool by_number = pairing == SpikePairing::by_number;
                const std::size_t length = by_number ? std::max(simulated.size(), recorded_[r].size()) : 0;
                std::vector<std::vector<double>> trains;  // of the point and its neighbours
                for (std::size_t lane = 0; lane < lanes; ++lane)
                    trains.push_back(continued(times[(s * lanes + lane) * n_traces + r], length, durations_[r]));
                const std::vector<double>& own = trains.front();
                const std::vector<double> recorded = continued(recorded_[r], length, durations_[r]);
                std::vector<SpikePair> pairs;
                if (by_number) {
                    for (std::size_t i = 0; i < length; ++i) pairs.push_back({i, i});
                } else {
                    pairs = match_spikes(own, recorded, missing_);
                    const auto lonely = static_cast<double>(own.size() + recorded.size() - 2 * pairs.size());
                    point.cost += factor * lonely * missing_ * missing_ / 2;
                }
                for (const auto& [i, j] : pairs) {
                    const double residual = own[i] - recorded[j];
                    point.cost += factor * residual * residual;
                    if (!derivatives) continue;
                    std::vector<double> slopes(d, 0.0);
                    for (std::size_t k = 0; k < d; ++k) {
                        if (ranges[k].integer) continue;
                        // the same spike of the neighbours, unless an earlier one came or went
                        const auto change = [&](std::size_t lane) {
                            const auto& other = trains[lane];
                            if (i >= other.size() || std::fabs(other[i] - own[i]) > missing_)
                                return std::numeric_limits<double>::quiet_NaN();
                            return other[i] - own[i];
                        };
                        const double a = change(1 + 2 * k);
                        const double b = change(2 + 2 * k);
                        const DifferenceOffsets& offset = offsets[s * d + k];
                        if (std::isfinite(a) && std::isfinite(b)) {
                            slopes[k] = offset.slope(a, b);
                        } else if (std::isfinite(a)) {
                            slopes[k] = a / offset.a;
                        } else if (std::isfinite(b)) {
                            slopes[k] = b / offset.b;
                        }
                        shift[k] = std::max(shift[k], std::fabs(slopes[k]) * widths_[k] / dt_);
                        point.gradient[k] += factor * residual * slopes[k];
                    }
                    for (std::size_t k = 0; k < d; ++k) {
                        for (std::size_t l = 0; l < d; ++l) point.matrix(k, l) += factor * slopes[k] * slopes[l];
                    }
                }
            }
        }
        if (!derivatives) break;
        bool again = false;
        for (std::size_t k = 0; k < d; ++k) {
            const double factor = shift[k] > 0 ? wanted_shift / shift[k] : 10;
            const double width = std::clamp(widths_[k] * factor, narrowest, widest);
            again = again || width > 3 * widths_[k] || width < widths_[k] / 3;
            widths_[k] = width;
        }
        if (!again) break;
    }
    return result;
}

Residuals SpikeTimeEquations::residuals(std::span<const double> point) {
    Array2 points(1, point.size());
    std::ranges::copy(point, points.values.begin());
    const auto times = spike_times(parameters_at(parameters_, points), nullptr);
    Residuals result;
    for (std::size_t r = 0; r < recorded_.size(); ++r)
        result.n += match_spikes(times[r], recorded_[r], missing_).size();
    return result;
}

}  // namespace spikesmith
