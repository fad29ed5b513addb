// Exact derivatives, summed by the kernel.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/refine_derivatives.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/numerics/tangents.hpp"
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
        TimeSeries weights = objective.step_weights;
        for (std::size_t r = 0; r < weights.values.rows; ++r) {
            const double factor =
                (setup.trace_factors.empty() ? 1 : setup.trace_factors[r]) / static_cast<double>(setup.data.n_traces);
            for (double& weight : weights.values.row(r)) weight *= factor;
        }
        result.data.weights.emplace(objective.name, std::move(weights));
    }
    return result;
}

// Parameters of the program that follow from coordinates that are searched and no whole numbers.
std::vector<std::string> moving_parameters(const FitParameters& parameters) {
    std::vector<std::string> names;
    for (const FittedParameter& parameter : parameters.list()) {
        if (!parameter.fixed && !parameter.integer) names.push_back(parameter.name);
    }
    return names;
}

class Exact final : public NormalEquationsOfFit {
  public:
    Exact(const FitSetup& setup, const WithErrors& errors, const std::vector<std::string>& names)
        : parameters_(setup.parameters), ensemble_(errors.program, names, errors.data, setup.ensemble) {
        const std::vector<std::string> all = names_of(parameters_.list());
        for (const std::string& name : names)
            numbers_.push_back(static_cast<std::size_t>(std::ranges::find(all, name) - all.begin()));
    }

    [[nodiscard]] std::vector<LeastSquaresPoint> at(const Array2& points, const std::atomic<bool>* cancelled) override {
        const Array2 samples = parameters_at(parameters_, points);
        const GradientResult answer = ensemble_.run(samples, {.iteration = refine_iteration, .cancelled = cancelled});
        const auto& ranges = parameters_.space().ranges();
        const std::size_t d = ranges.size();
        const std::size_t p = numbers_.size();
        std::vector<LeastSquaresPoint> result(points.rows);
        for (std::size_t s = 0; s < points.rows; ++s) {
            Array2 slopes = parameters_.derivatives(samples.row(s));
            for (std::size_t k = 0; k < d; ++k) {
                for (std::size_t j = 0; j < slopes.rows && ranges[k].integer; ++j) slopes(j, k) = 0;
            }
            LeastSquaresPoint& point = result[s];
            point = {.cost = answer.error[s], .gradient = std::vector<double>(d, 0.0), .matrix = Array2(d, d)};
            // the chain rule: first the columns, then the rows
            Array2 half(p, d);
            for (std::size_t i = 0; i < p; ++i) {
                for (std::size_t k = 0; k < d; ++k) {
                    point.gradient[k] += answer.gradient(s, i) / 2 * slopes(numbers_[i], k);
                    for (std::size_t j = 0; j < p; ++j) {
                        const std::size_t entry = i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
                        half(i, k) += answer.gauss_newton(s, entry) * slopes(numbers_[j], k);
                    }
                }
            }
            for (std::size_t i = 0; i < p; ++i) {
                for (std::size_t k = 0; k < d; ++k) {
                    for (std::size_t l = 0; l < d; ++l) point.matrix(k, l) += slopes(numbers_[i], k) * half(i, l);
                }
            }
        }
        return result;
    }
    [[nodiscard]] double compile_seconds() const override { return ensemble_.compile_seconds(); }
    [[nodiscard]] double accuracy() const override { return 1e-7; }  // of J'J: rounding

  private:
    FitParameters parameters_;
    std::vector<std::size_t> numbers_;  // of the parameters differentiated by
    GradientEnsemble ensemble_;
};

}  // namespace

std::unique_ptr<NormalEquationsOfFit> exact_normal_equations(const FitSetup& setup, std::string& reason) {
    const WithErrors errors = with_errors(setup);
    const std::vector<std::string> names = moving_parameters(setup.parameters);
    for (const std::string& name : names) {
        const Differentiability answer = differentiability(errors.program, name);
        if (!answer.reason.empty()) reason = fmt::format("`{}`: {}", name, answer.reason);
        if (!answer.differentiable) return nullptr;
    }
    try {
        return std::make_unique<Exact>(setup, errors, names);
    } catch (const NumericalError& error) {
        reason = error.diagnostic().message;
        return nullptr;
    }
}

}  // namespace spikesmith
