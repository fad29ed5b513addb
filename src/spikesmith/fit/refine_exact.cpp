// Exact derivatives: tangents, summed by the kernel, and the adjoint.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/refine_derivatives.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/numerics/tangents.hpp"
#include "spikesmith/simulate/adjoint.hpp"
#include "spikesmith/simulate/gradient.hpp"

namespace spikesmith {

namespace {

// The program with its errors, whose weights make the sum over traces the error of the fit.
struct WithErrors {
    UpdateProgram program;
    EnsembleData data;
};

WithErrors with_errors(const FitSetup& setup) {
    WithErrors result{setup.program, setup.data};
    for (const Objective& objective : setup.objectives) {
        add_online_error(result.program, objective.online_error);
        const TimeSeries& given = objective.step_weights;
        const std::size_t n_traces = setup.data.n_traces;
        TimeSeries weights{.dt = given.dt, .values = Array2(n_traces, given.values.columns)};
        for (std::size_t r = 0; r < n_traces; ++r) {
            const double factor =
                (setup.trace_factors.empty() ? 1 : setup.trace_factors[r]) / static_cast<double>(n_traces);
            std::ranges::transform(given.row(given.row_of(r)), weights.values.row(r).begin(),
                                   [factor](double weight) { return weight * factor; });
            weights.trace_dt.push_back(given.interval(given.row_of(r)));
        }
        result.data.weights.emplace(objective.name, std::move(weights));
    }
    return result;
}

// d parameter / d coordinate of the unit cube for the parameters that move; zero for coordinates of whole numbers.
class ChainRule {
  public:
    explicit ChainRule(const FitParameters& parameters) : parameters_(parameters) {
        for (std::size_t j = 0; j < parameters.list().size(); ++j) {
            const FittedParameter& parameter = parameters.list()[j];
            if (parameter.fixed || parameter.integer) continue;
            names_.push_back(parameter.name);
            numbers_.push_back(j);
        }
    }
    [[nodiscard]] const FitParameters& parameters() const { return parameters_; }
    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

    [[nodiscard]] Array2 slopes(std::span<const double> values) const {
        const Array2 all = parameters_.derivatives(values);
        Array2 result(numbers_.size(), all.columns);
        for (std::size_t i = 0; i < numbers_.size(); ++i) {
            for (const std::size_t k : moving_coordinates(parameters_)) result(i, k) = all(numbers_[i], k);
        }
        return result;
    }

  private:
    FitParameters parameters_;
    std::vector<std::string> names_;
    std::vector<std::size_t> numbers_;
};

// J'r by the coordinates, from the gradient (2*J'r) by the parameters.
std::vector<double> gradient_by_coordinates(std::span<const double> gradient, const Array2& slopes) {
    std::vector<double> result(slopes.columns, 0.0);
    for (std::size_t i = 0; i < slopes.rows; ++i) {
        for (std::size_t k = 0; k < slopes.columns; ++k) result[k] += gradient[i] / 2 * slopes(i, k);
    }
    return result;
}

// J'J by the coordinates, from its lower triangle by the parameters: first the columns, then the rows.
Array2 matrix_by_coordinates(std::span<const double> triangle, const Array2& slopes) {
    const std::size_t p = slopes.rows;
    const std::size_t d = slopes.columns;
    Array2 half(p, d);
    for (std::size_t i = 0; i < p; ++i) {
        for (std::size_t k = 0; k < d; ++k) {
            for (std::size_t j = 0; j < p; ++j) {
                const std::size_t entry = i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
                half(i, k) += triangle[entry] * slopes(j, k);
            }
        }
    }
    Array2 matrix(d, d);
    for (std::size_t i = 0; i < p; ++i) {
        for (std::size_t k = 0; k < d; ++k) {
            for (std::size_t l = 0; l < d; ++l) matrix(k, l) += slopes(i, k) * half(i, l);
        }
    }
    return matrix;
}

// By GradientEnsemble or AdjointEnsemble.
template <class Gradients>
class Exact final : public FitDerivatives {
  public:
    Exact(const FitSetup& setup, ChainRule chain, Gradients gradients)
        : chain_(std::move(chain)), gradients_(std::move(gradients)), noise_(setup.noise) {}

    [[nodiscard]] std::vector<LeastSquaresPoint> at(const Array2& points, const std::atomic<bool>* cancelled) override {
        const Array2 samples = parameters_at(chain_.parameters(), points);
        const GradientResult answer = gradients_.run(
            samples,
            {.iteration = refine_iteration, .first_evaluation = noise_, .same_noise = true, .cancelled = cancelled});
        std::vector<LeastSquaresPoint> result(points.rows);
        for (std::size_t s = 0; s < points.rows; ++s) {
            const Array2 slopes = chain_.slopes(samples.row(s));
            result[s] = {.cost = answer.error[s],
                         .gradient = gradient_by_coordinates(answer.gradient.row(s), slopes),
                         .matrix = {}};
            if (!answer.gauss_newton.empty())
                result[s].matrix = matrix_by_coordinates(answer.gauss_newton.row(s), slopes);
        }
        return result;
    }
    [[nodiscard]] double compile_seconds() const override { return gradients_.compile_seconds(); }
    [[nodiscard]] double accuracy() const override { return 1e-7; }  // of J'J: rounding

  private:
    ChainRule chain_;
    Gradients gradients_;
    std::uint64_t noise_;
};

// `make(program, names, data)` gives the ensemble.
template <class Make>
std::unique_ptr<FitDerivatives> exact_derivatives(const FitSetup& setup, std::string& reason, Make make) {
    const WithErrors errors = with_errors(setup);
    ChainRule chain(setup.parameters);
    std::vector<std::pair<std::string, std::vector<std::string>>> unseen;  // with the parameters it is said of
    for (const std::string& name : chain.names()) {
        const Differentiability answer = differentiability(errors.program, name);
        if (!answer.differentiable) {
            reason = answer.reason;
            return nullptr;
        }
        if (answer.reason.empty()) continue;
        const auto same = std::ranges::find(unseen, answer.reason, [](const auto& entry) { return entry.first; });
        auto& names =
            same == unseen.end() ? unseen.emplace_back(answer.reason, std::vector<std::string>{}).second : same->second;
        names.push_back(fmt::format("`{}`", name));
    }
    reason.clear();
    for (const auto& [text, names] : unseen)
        reason += fmt::format("{}{}: {}", reason.empty() ? "" : ". ", fmt::join(names, ", "), text);
    try {
        auto gradients = make(errors.program, chain.names(), errors.data);
        return std::make_unique<Exact<decltype(gradients)>>(setup, std::move(chain), std::move(gradients));
    } catch (const NumericalError& error) {
        reason = error.diagnostic().message;
        return nullptr;
    }
}

}  // namespace

std::unique_ptr<FitDerivatives> tangents_of_fit(const FitSetup& setup, std::string& reason) {
    return exact_derivatives(setup, reason, [&](const UpdateProgram& program, const auto& names, const auto& data) {
        return GradientEnsemble(program, names, data, setup.ensemble);
    });
}

std::unique_ptr<FitDerivatives> adjoint_of_fit(const FitSetup& setup, std::string& reason) {
    if (setup.ensemble.kernel.precision != Precision::double_precision) {
        reason = "adjoints are computed in double precision only";
        return nullptr;
    }
    EnsembleOptions options = setup.ensemble;
    if (options.kernel.interleave == 0)
        options.kernel.interleave = 1;  // a line of steps is few points: no lanes to spare
    return exact_derivatives(setup, reason, [&](const UpdateProgram& program, const auto& names, const auto& data) {
        return AdjointEnsemble(program, names, data, {.ensemble = options});
    });
}

}  // namespace spikesmith
