// The parameters of a fit: which are searched, which are fixed, and which follow from others.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/results.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/optimize/parameter_space.hpp"
#include "spikesmith/symbolic/expression.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

// What is said about one parameter: bounds, or `fixed`, or `tied`.
struct FitParameter {
    std::string name{};
    Quantity low{};  // of the parameter's dimension; 0 fits every dimension
    Quantity high{};
    Scale scale = Scale::linear;
    bool integer = false;             // whole numbers only; parameters declared `integer` always are
    std::optional<Quantity> fixed{};  // this value instead of a search
    // this expression of other parameters (SI values) instead of a search; of an integer the nearest whole number
    std::optional<Expression> tied{};
};

// Parameters that a fit or the caller must give: those without an initial value in the model.
[[nodiscard]] std::vector<Parameter> open_parameters(const Model& model);
[[nodiscard]] bool has_initial_value(const Model& model, const std::string& name);

class FitParameters {
  public:
    // Throws ConfigError for names that are unknown, doubled or missing, bounds that are none, ties in a circle or to what
    // is no parameter; UnitError for quantities of another dimension than the parameter's.
    FitParameters(const Model& model, const std::vector<FitParameter>& given);

    [[nodiscard]] const std::vector<FittedParameter>& list() const { return list_; }  // in the order of the model
    [[nodiscard]] const ParameterSpace& space() const { return space_; }              // of those that are searched

    // Values of all parameters from those searched.
    void complete(std::span<const double> searched, std::span<double> all) const;

    // d all / d point at values `all`: parameters x coordinates of the unit cube. A tied parameter of whole numbers has no derivative.
    [[nodiscard]] Array2 derivatives(std::span<const double> all) const;

    // Sets the tied parameters among `all` from the others, but those for which `keep` is true.
    void follow(std::span<double> all, const std::function<bool(const std::string& name)>& keep) const;

    // The list with values from `all`, and whether they are at a bound.
    [[nodiscard]] std::vector<FittedParameter> with_values(std::span<const double> all) const;

    friend bool operator==(const FitParameters& a, const FitParameters& b);

  private:
    std::vector<FittedParameter> list_;
    std::vector<Expression> ties_;         // per parameter; meaningful for tied ones
    std::vector<std::size_t> tied_order_;  // tied parameters, each after those it depends on
    ParameterSpace space_;
};

}  // namespace spikesmith
