#include "spikesmith/fit/parameters.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/symbolic/calculus.hpp"

namespace spikesmith {

namespace {

constexpr double bound_share = 1e-3;  // a value this near to a bound, in parts of the range, is at the bound
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double value_of(const Quantity& quantity, const std::string& what, const Parameter& parameter) {
    const bool fits =
        quantity.dimension == parameter.dimension || (quantity.value == 0 && quantity.dimension.dimensionless());
    if (!fits) {
        throw UnitError(fmt::format("the {} of `{}` is in {}, but the parameter in {}", what, parameter.name,
                                    quantity.dimension.name(), parameter.dimension.name()));
    }
    return quantity.value;
}

FittedParameter resolve(const FitParameter& given, const Parameter& parameter) {
    FittedParameter result{.name = parameter.name, .dimension = parameter.dimension, .scale = given.scale};
    result.integer = given.integer || parameter.type == ValueType::integer;
    if (given.fixed && given.tied) {
        throw ConfigError(fmt::format("`{}` is both fixed and tied", parameter.name), "leave out one of the two");
    }
    if (given.tied) {
        result.tied = to_string(*given.tied);
        result.value = not_a_number;
        return result;
    }
    if (given.fixed) {
        result.value = value_of(*given.fixed, "fixed value", parameter);
        if (!std::isfinite(result.value))
            throw ConfigError(fmt::format("the fixed value of `{}` is not finite", parameter.name));
        if (result.integer && result.value != std::floor(result.value))
            throw ConfigError(
                fmt::format("the fixed value of `{}` must be a whole number, not {:g}", parameter.name, result.value));
        result.low = result.high = result.value;
        result.fixed = true;
        return result;
    }
    if (parameter.type == ValueType::boolean) {
        throw ConfigError(fmt::format("`{}` is true or false, so it cannot be fitted", parameter.name),
                          "give it a fixed value");
    }
    result.low = value_of(given.low, "lower bound", parameter);
    result.high = value_of(given.high, "upper bound", parameter);
    result.value = not_a_number;
    return result;
}

ParameterSpace search_space(const std::vector<FittedParameter>& parameters) {
    std::vector<ParameterRange> ranges;
    for (const FittedParameter& parameter : parameters) {
        if (parameter.searched())
            ranges.push_back({parameter.name, parameter.low, parameter.high, parameter.scale, parameter.integer});
    }
    return ParameterSpace(std::move(ranges));
}

// Every name that is given is an open parameter, and is given once.
void check_names(const Model& model, const std::vector<std::string>& names, const std::vector<FitParameter>& given) {
    for (auto fit = given.begin(); fit != given.end(); ++fit) {
        if (std::ranges::find(names, fit->name) == names.end()) {
            if (has_initial_value(model, fit->name)) {
                throw ConfigError(
                    fmt::format("`{}` has an initial value in the model, so it cannot be fitted or fixed", fit->name),
                    "remove its initial value");
            }
            std::string hint = did_you_mean(fit->name, names);
            if (hint.empty() && !names.empty())
                hint = fmt::format("the parameters of the model are `{}`", fmt::join(names, "`, `"));
            throw ConfigError(fmt::format("the model has no parameter `{}`", fit->name), hint);
        }
        if (std::find_if(given.begin(), fit, [&](const FitParameter& earlier) { return earlier.name == fit->name; }) !=
            fit) {
            throw ConfigError(fmt::format("the parameter `{}` is given twice", fit->name));
        }
    }
}

// Tied parameters, each after those it depends on.
std::vector<std::size_t> order_ties(const std::vector<std::string>& names, const std::vector<FittedParameter>& list,
                                    const std::vector<Expression>& ties) {
    std::vector<std::size_t> order;
    std::vector<int> state(list.size(), 0);  // 1: being visited, 2: done
    const std::function<void(std::size_t)> visit = [&](std::size_t j) {
        if (state[j] == 2 || list[j].tied.empty()) return;
        if (state[j] == 1) throw ConfigError(fmt::format("the parameter `{}` is tied to itself", list[j].name));
        state[j] = 1;
        if (has_random(ties[j])) throw ConfigError(fmt::format("`{}` is tied to random numbers", list[j].name));
        for (const std::string& symbol : symbols_of(ties[j])) {
            const auto found = std::ranges::find(names, symbol);
            if (found == names.end()) {
                throw ConfigError(
                    fmt::format("`{}` is tied to `{}`, which is no parameter of the fit", list[j].name, symbol),
                    did_you_mean(symbol, names));
            }
            visit(static_cast<std::size_t>(found - names.begin()));
        }
        state[j] = 2;
        order.push_back(j);
    };
    for (std::size_t j = 0; j < list.size(); ++j) visit(j);
    return order;
}

std::vector<FittedParameter> resolve_all(const Model& model, const std::vector<FitParameter>& given) {
    const std::vector<Parameter> open = open_parameters(model);
    check_names(model, names_of(open), given);
    std::vector<FittedParameter> result;
    for (const Parameter& parameter : open) {
        const auto fit = std::ranges::find(given, parameter.name, &FitParameter::name);
        if (fit == given.end()) {
            throw ConfigError(fmt::format("the parameter `{}` is neither fitted nor fixed", parameter.name),
                              "give it bounds or a fixed value");
        }
        result.push_back(resolve(*fit, parameter));
    }
    return result;
}

}  // namespace

bool has_initial_value(const Model& model, const std::string& name) {
    return std::ranges::find(model.initial_values, name, &InitialValue::name) != model.initial_values.end();
}

std::vector<Parameter> open_parameters(const Model& model) {
    std::vector<Parameter> result;
    for (const Parameter& parameter : model.parameters) {
        if (!has_initial_value(model, parameter.name)) result.push_back(parameter);
    }
    return result;
}

FitParameters::FitParameters(const Model& model, const std::vector<FitParameter>& given)
    : list_(resolve_all(model, given)), ties_(list_.size()), space_(search_space(list_)) {
    const std::vector<std::string> names = names_of(list_);
    for (std::size_t j = 0; j < list_.size(); ++j) {
        const auto fit = std::ranges::find(given, list_[j].name, &FitParameter::name);
        if (fit->tied) ties_[j] = *fit->tied;
    }
    tied_order_ = order_ties(names, list_, ties_);
}

void FitParameters::complete(std::span<const double> searched, std::span<double> all) const {
    std::size_t next = 0;
    for (std::size_t j = 0; j < list_.size(); ++j) {
        if (list_[j].tied.empty()) all[j] = list_[j].fixed ? list_[j].low : searched[next++];
    }
    follow(all, [](const std::string&) { return false; });
}

Array2 FitParameters::derivatives(std::span<const double> all) const {
    Array2 result(list_.size(), space_.dimension());
    std::size_t next = 0;
    for (std::size_t j = 0; j < list_.size(); ++j) {
        if (!list_[j].searched()) continue;
        const ParameterRange& range = space_.ranges()[next];
        result(j, next++) =
            range.scale == Scale::linear ? range.high - range.low : all[j] * std::log(range.high / range.low);
    }
    const auto number_of = [&](const std::string& name) {
        return static_cast<std::size_t>(std::ranges::find(list_, name, &FittedParameter::name) - list_.begin());
    };
    for (const std::size_t j : tied_order_) {
        if (list_[j].integer) continue;
        for (const std::string& symbol : symbols_of(ties_[j])) {
            const double slope = evaluate(differentiate(ties_[j], symbol),
                                          [&](const std::string& name) { return all[number_of(name)]; });
            for (std::size_t k = 0; k < result.columns; ++k) result(j, k) += slope * result(number_of(symbol), k);
        }
    }
    return result;
}

void FitParameters::follow(std::span<double> all, const std::function<bool(const std::string& name)>& keep) const {
    for (const std::size_t j : tied_order_) {
        if (keep(list_[j].name)) continue;
        all[j] = evaluate(ties_[j], [&](const std::string& name) {
            return all[static_cast<std::size_t>(std::ranges::find(list_, name, &FittedParameter::name) -
                                                list_.begin())];
        });
        if (list_[j].integer) all[j] = std::nearbyint(all[j]);
    }
}

std::vector<FittedParameter> FitParameters::with_values(std::span<const double> all) const {
    std::vector<FittedParameter> result = list_;
    std::size_t searched = 0;
    for (std::size_t j = 0; j < result.size(); ++j) {
        result[j].value = all[j];
        if (!result[j].searched()) continue;
        const ParameterRange& range = space_.ranges()[searched];
        const double coordinate = space_.to_coordinate(searched, all[j]);
        result[j].at_bound = range.integer ? all[j] == range.low || all[j] == range.high
                                           : coordinate <= bound_share || coordinate >= 1 - bound_share;
        ++searched;
    }
    return result;
}

bool operator==(const FitParameters& a, const FitParameters& b) {
    return std::ranges::equal(a.list_, b.list_, [](const FittedParameter& x, const FittedParameter& y) {
        return x.name == y.name && x.low == y.low && x.high == y.high && (!x.searched() || x.scale == y.scale) &&
               x.fixed == y.fixed && x.tied == y.tied && x.integer == y.integer;
    });
}

}  // namespace spikesmith
