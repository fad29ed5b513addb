// A user's own optimiser: any class with `ask` and `tell`.
//
//     struct RandomSearch {
//         explicit RandomSearch(const SearchSetting& setting) : setting(setting), random(setting.seed, 0) {}
//         Array2 ask(std::size_t n);                                               // n points of the unit cube
//         void tell(const Array2& points, std::span<const double> errors);         // any of them, in order of asking
//         SearchSetting setting;
//         math::RandomStream random;
//     };
//     FitOptions options{.optimizer = own_optimizer<RandomSearch>("random search")};
//
// `tell` gets +infinity for simulations that failed, and foreign points too. A method that always does the same after the
// same calls can be saved and resumed like any other.
#pragma once

#include <algorithm>
#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith {

template <class Method>
concept AskAndTell = std::constructible_from<Method, const SearchSetting&> &&
    requires(Method method, std::size_t n, const Array2& points, std::span<const double> errors) {
    { method.ask(n) } -> std::convertible_to<Array2>;
    method.tell(points, errors);
};

template <AskAndTell Method>
class OwnOptimizer final : public Optimizer {
  public:
    OwnOptimizer(std::string name, const SearchSetting& setting)
        : Optimizer(setting.dimension), name_(std::move(name)), method_(setting) {}

    [[nodiscard]] std::string name() const override { return name_; }

  protected:
    void propose(std::uint64_t /*first_id*/, Array2& points) override {
        Array2 asked = method_.ask(points.rows);
        if (asked.rows != points.rows || asked.columns != points.columns) {
            throw ConfigError("the optimizer `" + name_ + "` gave an array of the wrong shape",
                              "`ask(n)` returns n rows, one column per parameter");
        }
        for (const double u : asked.values) {
            if (!(u >= 0 && u <= 1)) throw ConfigError("the optimizer `" + name_ + "` left the unit cube");
        }
        points = std::move(asked);
    }

    void learn(std::span<const Told> told) override {
        Array2 points(told.size(), dimension());
        std::vector<double> errors(told.size());
        for (std::size_t r = 0; r < told.size(); ++r) {
            std::ranges::copy(told[r].point, points.row(r).begin());
            errors[r] = told[r].error;
        }
        method_.tell(points, errors);
    }

  private:
    std::string name_;
    Method method_;
};

// `name`: one word, for messages and saved states.
template <AskAndTell Method>
[[nodiscard]] OptimizerChoice own_optimizer(std::string name) {
    return {name, [name](const SearchSetting& setting) -> std::unique_ptr<Optimizer> {
                return std::make_unique<OwnOptimizer<Method>>(name, setting);
            }};
}

}  // namespace spikesmith
