// Central differences of recorded traces.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include "spikesmith/fit/refine_derivatives.hpp"

namespace spikesmith {

namespace {

constexpr double first_width = 1e-5;  // of differences, share of the box
constexpr double narrowest = 1e-10;
constexpr double widest = 1e-2;
constexpr double fair_factor = 10;  // a change of the traces may be so many times too large or too small
constexpr int attempts = 4;         // at the width

// What the residuals of one objective are made of.
struct Comparison {
    std::size_t output = 0;  // of the program
    Loss loss = Loss::squared;
    double scale = 1;
    const TimeSeries* weights = nullptr;
    const TimeSeries* target = nullptr;
};

std::vector<Comparison> comparisons_of(const FitSetup& setup) {
    std::vector<Comparison> result;
    for (const Objective& objective : setup.objectives) {
        result.push_back({.output = objective.number,
                          .loss = objective.online_error.loss,
                          .scale = objective.online_error.scale,
                          .weights = &objective.step_weights,
                          .target = &setup.data.targets.at(objective.output)});
    }
    return result;
}

// d rho/dz of the losses of numerics/online_error.hpp.
double loss_slope(Loss loss, double z) {
    switch (loss) {
        case Loss::squared:
            return 1;
        case Loss::soft_l1:
            return 1 / std::sqrt(1 + z);
        case Loss::huber:
            return z <= 1 ? 1 : 1 / std::sqrt(z);
        case Loss::cauchy:
            return 1 / (1 + z);
    }
    return 1;
}

// Outputs of all lanes of one point under one trace, until all have arrived.
struct Recording {
    Array2 values;  // lanes*outputs x steps
    std::size_t missing = 0;
};

class Differences final : public FitDerivatives {
  public:
    explicit Differences(const FitSetup& setup)
        : setup_(setup),
          comparisons_(comparisons_of(setup_)),
          ensemble_(setup_.program, setup_.data, setup_.ensemble),
          rounding_(setup_.ensemble.kernel.precision == Precision::single_precision ? 0x1p-23 : 0x1p-52),
          moving_(moving_coordinates(setup_.parameters)),
          widths_(moving_.size(), first_width) {}

    [[nodiscard]] std::vector<LeastSquaresPoint> at(const Array2& points, const std::atomic<bool>* cancelled) override {
        std::vector<LeastSquaresPoint> result;
        for (int attempt = 0; attempt < attempts; ++attempt) {
            result = run(points, cancelled);
            if (!adapt_widths()) break;
        }
        return result;
    }
    [[nodiscard]] double compile_seconds() const override { return ensemble_.compile_seconds(); }
    [[nodiscard]] double accuracy() const override { return std::cbrt(rounding_); }

  private:
    struct Sums {
        LeastSquaresPoint point;
        double traces = 0;            // weighted square of the traces
        std::vector<double> changes;  // ... of their changes, by moving coordinate
    };

    [[nodiscard]] std::size_t lanes() const { return 1 + 2 * moving_.size(); }

    std::vector<LeastSquaresPoint> run(const Array2& points, const std::atomic<bool>* cancelled) {
        offsets_.assign(points.rows * moving_.size(), {});
        Array2 samples(points.rows * lanes(), points.columns);
        for (std::size_t s = 0; s < points.rows; ++s) {
            for (std::size_t lane = 0; lane < lanes(); ++lane)
                std::ranges::copy(points.row(s), samples.row(s * lanes() + lane).begin());
            for (std::size_t m = 0; m < moving_.size(); ++m) {
                DifferenceOffsets& offsets = offsets_[s * moving_.size() + m];
                offsets = offsets_around(points(s, moving_[m]), widths_[m]);
                samples(s * lanes() + 1 + 2 * m, moving_[m]) += offsets.a;
                samples(s * lanes() + 2 + 2 * m, moving_[m]) += offsets.b;
            }
        }
        const std::size_t n_traces = setup_.data.n_traces;
        std::vector<Sums> sums(points.rows * n_traces);
        std::map<std::size_t, Recording> open;  // by point * n_traces + trace
        std::mutex mutex;
        RunRequest request{.iteration = refine_iteration,
                           .first_evaluation = setup_.noise,
                           .same_noise = true,
                           .outputs = true,
                           .cancelled = cancelled};
        request.observer = [&](const BlockView& block) {
            const std::size_t n_outputs = block.outputs.size();
            for (std::size_t s = 0; s < block.n_samples; ++s) {
                const std::size_t sample = block.first_sample + s;
                const std::size_t key = sample / lanes() * n_traces + block.trace;
                Recording* recording = nullptr;
                {
                    const std::lock_guard lock(mutex);
                    auto [it, fresh] = open.try_emplace(key);
                    recording = &it->second;
                    if (fresh) *recording = {Array2(lanes() * n_outputs, block.n_steps), lanes()};
                }
                for (std::size_t o = 0; o < n_outputs; ++o)
                    block.copy_output(o, s, recording->values.row(sample % lanes() * n_outputs + o));
                bool complete = false;
                {
                    const std::lock_guard lock(mutex);
                    complete = --recording->missing == 0;
                }
                if (!complete) continue;
                sums[key] = reduce(recording->values, n_outputs, key / n_traces, block.trace);
                const std::lock_guard lock(mutex);
                open.erase(key);
            }
        };
        ensemble_.run(parameters_at(setup_.parameters, samples), request);
        return add_up(sums, points.rows);
    }

    // What one trace adds to the normal equations of a point.
    [[nodiscard]] Sums reduce(const Array2& values, std::size_t n_outputs, std::size_t point, std::size_t trace) const {
        const std::size_t p = moving_.size();
        Sums sums;
        sums.point.cost = 0;
        sums.point.gradient.assign(p, 0.0);
        sums.point.matrix = Array2(p, p);
        sums.changes.assign(p, 0.0);
        const DifferenceOffsets* offsets = offsets_.data() + point * p;
        const auto& factors = setup_.trace_factors;
        const double factor = (factors.empty() ? 1 : factors[trace]) / static_cast<double>(setup_.data.n_traces);
        if (factor == 0) return sums;
        std::vector<double> slopes(p);
        for (const Comparison& comparison : comparisons_) {
            const auto centre = values.row(comparison.output);
            const auto weights = at_steps(*comparison.weights, trace, setup_.program.dt, centre.size());
            const auto target = at_steps(*comparison.target, trace, setup_.program.dt, centre.size());
            for (std::size_t k = 0; k < centre.size(); ++k) {
                if (weights[k] == 0) continue;
                const double difference = centre[k] - target[k];
                const double scaled = difference / comparison.scale;
                const double z = comparison.loss == Loss::squared ? difference * difference : scaled * scaled;
                const double square = comparison.loss == Loss::squared ? 1 : comparison.scale * comparison.scale;
                const double plain = factor * weights[k];
                const double weight = plain * loss_slope(comparison.loss, z);
                sums.point.cost += plain * square * loss_value(comparison.loss, z);
                sums.traces += plain * centre[k] * centre[k];
                for (std::size_t m = 0; m < p; ++m) {
                    const double a = values((1 + 2 * m) * n_outputs + comparison.output, k) - centre[k];
                    const double b = values((2 + 2 * m) * n_outputs + comparison.output, k) - centre[k];
                    slopes[m] = offsets[m].slope(a, b);
                    sums.changes[m] += plain * (a - b) * (a - b);
                    sums.point.gradient[m] += weight * difference * slopes[m];
                    for (std::size_t i = 0; i <= m; ++i) sums.point.matrix(m, i) += weight * slopes[m] * slopes[i];
                }
            }
        }
        return sums;
    }

    // Over traces, in their order; coordinates of whole numbers get zeros.
    std::vector<LeastSquaresPoint> add_up(const std::vector<Sums>& sums, std::size_t n_points) {
        const std::size_t d = setup_.parameters.space().dimension();
        std::vector<LeastSquaresPoint> result(n_points);
        change_shares_.assign(moving_.size(), 0);
        std::vector<double> counted(moving_.size(), 0.0);
        for (std::size_t s = 0; s < n_points; ++s) {
            LeastSquaresPoint& point = result[s];
            point = {.cost = 0, .gradient = std::vector<double>(d, 0.0), .matrix = Array2(d, d)};
            double traces = 0;
            std::vector<double> changes(moving_.size(), 0.0);
            for (std::size_t r = 0; r < setup_.data.n_traces; ++r) {
                const Sums& own = sums[s * setup_.data.n_traces + r];
                point.cost += own.point.cost;
                traces += own.traces;
                for (std::size_t m = 0; m < moving_.size(); ++m) {
                    changes[m] += own.changes[m];
                    point.gradient[moving_[m]] += own.point.gradient[m];
                    for (std::size_t i = 0; i <= m; ++i) {
                        point.matrix(moving_[m], moving_[i]) += own.point.matrix(m, i);
                        point.matrix(moving_[i], moving_[m]) = point.matrix(moving_[m], moving_[i]);
                    }
                }
            }
            for (std::size_t m = 0; m < moving_.size(); ++m) {
                const double share = std::sqrt(changes[m] / traces) / 2;
                if (!std::isfinite(share)) continue;
                change_shares_[m] += share;
                counted[m] += 1;
            }
        }
        for (std::size_t m = 0; m < moving_.size(); ++m)
            change_shares_[m] = counted[m] > 0 ? change_shares_[m] / counted[m] : std::cbrt(rounding_);
        return result;
    }

    // True if the widths were so wrong that the differences should be taken again. Traces should change by the cube root of
    // rounding: less would be lost in rounding, more in curvature (Nocedal & Wright 2006, 8.1).
    bool adapt_widths() {
        bool again = false;
        const double wanted = std::cbrt(rounding_);
        for (std::size_t m = 0; m < moving_.size(); ++m) {
            const double factor = change_shares_[m] > 0 ? wanted / change_shares_[m] : 1e3;
            const double width = std::clamp(widths_[m] * factor, narrowest, widest);
            const double change = width / widths_[m];
            again = again || change > fair_factor || change < 1 / fair_factor;
            if (change > 2 || change < 0.5) widths_[m] = width;
        }
        return again;
    }

    FitSetup setup_;
    std::vector<Comparison> comparisons_;
    Ensemble ensemble_;
    double rounding_;
    std::vector<std::size_t> moving_;  // coordinates that are no whole numbers
    std::vector<double> widths_;       // of their differences
    std::vector<DifferenceOffsets> offsets_;
    std::vector<double> change_shares_;  // of the traces in the last run, by moving coordinate
};

}  // namespace

DifferenceOffsets offsets_around(double coordinate, double width) {
    DifferenceOffsets offsets{.a = width, .b = -width};
    if (coordinate + width > 1) offsets.a = -2 * width;
    if (coordinate - width < 0) offsets.b = 2 * width;
    // as the floating-point numbers have them
    offsets.a = (coordinate + offsets.a) - coordinate;
    offsets.b = (coordinate + offsets.b) - coordinate;
    return offsets;
}

std::vector<std::size_t> moving_coordinates(const FitParameters& parameters) {
    std::vector<std::size_t> moving;
    const auto& ranges = parameters.space().ranges();
    for (std::size_t k = 0; k < ranges.size(); ++k) {
        if (!ranges[k].integer) moving.push_back(k);
    }
    return moving;
}

Array2 parameters_at(const FitParameters& parameters, const Array2& points) {
    Array2 result(points.rows, parameters.list().size());
    std::vector<double> searched(points.columns);
    for (std::size_t s = 0; s < points.rows; ++s) {
        parameters.space().to_values(points.row(s), searched);
        parameters.complete(searched, result.row(s));
    }
    return result;
}

std::unique_ptr<FitDerivatives> differences_of_fit(const FitSetup& setup) {
    return std::make_unique<Differences>(setup);
}

ResidualRecorder::ResidualRecorder(const FitSetup& setup)
    : setup_(setup), ensemble_(setup.program, setup.data, setup.ensemble) {}

Residuals ResidualRecorder::at(std::span<const double> point) {
    const FitSetup& setup = setup_;
    const std::vector<Comparison> comparisons = comparisons_of(setup);
    Array2 points(1, point.size());
    std::ranges::copy(point, points.values.begin());
    std::vector<Residuals> counts(setup.data.n_traces);
    struct Products {
        double neighbours = 0;
        double squares = 0;
        double recorded = 0;
    };
    std::vector<Products> products(setup.data.n_traces);
    RunRequest request{.iteration = refine_iteration, .first_evaluation = setup.noise, .outputs = true};
    request.observer = [&](const BlockView& block) {
        std::vector<double> trace(block.n_steps);
        for (const Comparison& comparison : comparisons) {
            const auto weights = at_steps(*comparison.weights, block.trace, setup.program.dt, block.n_steps);
            const auto target = at_steps(*comparison.target, block.trace, setup.program.dt, block.n_steps);
            block.copy_output(comparison.output, 0, trace);
            double before = 0;
            bool first = true;
            for (std::size_t k = 0; k < trace.size(); ++k) {
                if (weights[k] == 0) continue;
                const double residual = std::sqrt(weights[k]) * (trace[k] - target[k]);
                ++counts[block.trace].n;
                if (!first) products[block.trace].neighbours += residual * before;
                products[block.trace].squares += residual * residual;
                products[block.trace].recorded += weights[k] * target[k] * target[k];
                before = residual;
                first = false;
            }
        }
    };
    ensemble_.run(parameters_at(setup.parameters, points), request);
    Residuals result;
    double neighbours = 0;
    double squares = 0;
    double recorded = 0;
    for (std::size_t r = 0; r < setup.data.n_traces; ++r) {
        if (!setup.trace_factors.empty() && setup.trace_factors[r] == 0) continue;
        result.n += counts[r].n;
        neighbours += products[r].neighbours;
        squares += products[r].squares;
        recorded += products[r].recorded;
    }
    result.autocorrelation = squares > 0 ? neighbours / squares : 0;
    result.share = recorded > 0 ? std::sqrt(squares / recorded) : 1;
    return result;
}

}  // namespace spikesmith
