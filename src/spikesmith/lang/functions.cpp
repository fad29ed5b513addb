#include "spikesmith/lang/functions.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numbers>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/units/units.hpp"

namespace spikesmith::lang {
namespace {

using Rule = Function::Rule;

constexpr std::array functions{
    Function{"sin", Op::sin, 1, 1, Rule::number, "sin(x)"},
    Function{"cos", Op::cos, 1, 1, Rule::number, "cos(x)"},
    Function{"tan", Op::tan, 1, 1, Rule::number, "tan(x)"},
    Function{"sinh", Op::sinh, 1, 1, Rule::number, "sinh(x)"},
    Function{"cosh", Op::cosh, 1, 1, Rule::number, "cosh(x)"},
    Function{"tanh", Op::tanh, 1, 1, Rule::number, "tanh(x)"},
    Function{"arcsin", Op::arcsin, 1, 1, Rule::number, "arcsin(x)"},
    Function{"arccos", Op::arccos, 1, 1, Rule::number, "arccos(x)"},
    Function{"arctan", Op::arctan, 1, 1, Rule::number, "arctan(x)"},
    Function{"arcsinh", Op::arcsinh, 1, 1, Rule::number, "arcsinh(x)"},
    Function{"arccosh", Op::arccosh, 1, 1, Rule::number, "arccosh(x)"},
    Function{"arctanh", Op::arctanh, 1, 1, Rule::number, "arctanh(x)"},
    Function{"arctan2", Op::arctan2, 2, 2, Rule::ratio, "arctan2(y, x)"},
    Function{"exp", Op::exp, 1, 1, Rule::number, "exp(x)"},
    Function{"expm1", Op::expm1, 1, 1, Rule::number, "expm1(x)"},
    Function{"exprel", Op::exprel, 1, 1, Rule::number, "exprel(x)"},
    Function{"log", Op::log, 1, 1, Rule::number, "log(x)"},
    Function{"log10", Op::log10, 1, 1, Rule::number, "log10(x)"},
    Function{"log1p", Op::log1p, 1, 1, Rule::number, "log1p(x)"},
    Function{"sqrt", Op::sqrt, 1, 1, Rule::root, "sqrt(x)"},
    Function{"floor", Op::floor, 1, 1, Rule::same, "floor(x)"},
    Function{"ceil", Op::ceil, 1, 1, Rule::same, "ceil(x)"},
    Function{"abs", Op::abs, 1, 1, Rule::same, "abs(x)"},
    Function{"sign", Op::sign, 1, 1, Rule::sign, "sign(x)"},
    Function{"int", Op::truncate, 1, 1, Rule::number, "int(x)"},
    Function{"min", Op::minimum, 2, any_number, Rule::same, "min(a, b, ...)"},
    Function{"max", Op::maximum, 2, any_number, Rule::same, "max(a, b, ...)"},
    Function{"clip", Op::minimum, 3, 3, Rule::same, "clip(x, low, high)"},
    Function{"where", Op::select, 3, 3, Rule::select, "where(condition, a, b)"},
    Function{"timestep", Op::timestep, 2, 2, Rule::times, "timestep(t, dt)"},
    Function{"rand", Op::uniform, 0, 0, Rule::number, "rand()", true},
    Function{"randn", Op::normal, 0, 0, Rule::number, "randn()", true},
    Function{"poisson", Op::poisson, 1, 1, Rule::number, "poisson(lambda)", true},
};

constexpr std::array<std::pair<std::string_view, std::string_view>, 20> foreign{{
    {"ln", "write `log(x)`"},
    {"log2", "write `log(x)/log(2)`"},
    {"exp2", "write `2**x`"},
    {"pow", "write `a**b`"},
    {"power", "write `a**b`"},
    {"asin", "write `arcsin(x)`"},
    {"acos", "write `arccos(x)`"},
    {"atan", "write `arctan(x)`"},
    {"atan2", "write `arctan2(y, x)`"},
    {"asinh", "write `arcsinh(x)`"},
    {"acosh", "write `arccosh(x)`"},
    {"atanh", "write `arctanh(x)`"},
    {"fabs", "write `abs(x)`"},
    {"minimum", "write `min(a, b)`"},
    {"maximum", "write `max(a, b)`"},
    {"fmod", "write `a % b`"},
    {"mod", "write `a % b`"},
    {"heaviside", "write `int(x >= 0)`"},
    {"ite", "write `where(condition, a, b)`"},
    {"random", "write `rand()`"},
}};

constexpr std::array<std::string_view, 35> keywords{
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};

constexpr std::array<std::string_view, 11> special{"t",
                                                   "dt",
                                                   "t_in_timesteps",
                                                   "xi",
                                                   "i",
                                                   "N",
                                                   "iteration",
                                                   "lastspike",
                                                   "refractory",
                                                   "not_refractory",
                                                   "refractory_until"};

constexpr std::array<std::pair<std::string_view, double>, 3> constants{
    {{"pi", std::numbers::pi}, {"e", std::numbers::e}, {"inf", std::numeric_limits<double>::infinity()}}};

}  // namespace

const Function* find_function(std::string_view name) {
    const auto* const found =
        std::find_if(functions.begin(), functions.end(), [&](const Function& f) { return f.name == name; });
    return found == functions.end() ? nullptr : found;
}

std::vector<std::string> function_names() {
    std::vector<std::string> names;
    names.reserve(functions.size());
    for (const auto& function : functions) names.emplace_back(function.name);
    return names;
}

std::string_view foreign_function_hint(std::string_view name) {
    for (const auto& [word, hint] : foreign) {
        if (word == name) return hint;
    }
    return {};
}

std::optional<double> find_constant(std::string_view name) {
    for (const auto& [constant, value] : constants) {
        if (constant == name) return value;
    }
    return std::nullopt;
}

std::vector<std::string> constant_names() {
    std::vector<std::string> names;
    names.reserve(constants.size());
    for (const auto& [name, value] : constants) names.emplace_back(name);
    return names;
}

bool is_keyword(std::string_view name) {
    return std::find(keywords.begin(), keywords.end(), name) != keywords.end();
}

std::optional<std::string> reserved(std::string_view name) {
    if (is_keyword(name)) return fmt::format("`{}` is a keyword", name);
    if (std::find(special.begin(), special.end(), name) != special.end())
        return fmt::format("`{}` is a special name", name);
    if (name.starts_with("xi_")) return fmt::format("`{}` is the name of a noise source", name);
    if (find_unit(name) != nullptr) return fmt::format("`{}` is the name of a unit", name);
    if (find_function(name) != nullptr) return fmt::format("`{}` is the name of a function", name);
    if (find_constant(name)) return fmt::format("`{}` is the name of a constant", name);
    if (name.starts_with('_')) return fmt::format("`{}` starts with an underscore", name);
    if (name.ends_with("_pre") || name.ends_with("_post"))
        return fmt::format("`{}` ends like a synaptic variable (`_pre`, `_post`)", name);
    return std::nullopt;
}

}  // namespace spikesmith::lang
