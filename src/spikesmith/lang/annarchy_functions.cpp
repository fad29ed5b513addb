#include "spikesmith/lang/annarchy_functions.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include <fmt/format.h>

#include "spikesmith/lang/functions.hpp"

namespace spikesmith::lang {
namespace {

using Arguments = std::span<const Expression>;
using Site = std::uint32_t;

Expression where(const Expression& condition, const Expression& a, const Expression& b) {
    return apply(Op::select, condition, a, b);
}
Expression less(const Expression& a, const Expression& b) {
    return apply(Op::less, a, b);
}
Expression clipped(const Expression& x, const Expression& low, const Expression& high) {
    return where(less(x, low), low, where(less(high, x), high, x));
}
Expression polynomial(const Expression& x, std::span<const double> coefficients) {
    Expression sum(coefficients.back());
    for (std::size_t k = coefficients.size() - 1; k-- > 0;) sum = sum * x + coefficients[k];
    return sum;
}

// ---- functions that are not elementary operations ----

template <Op op>
Expression unary(Arguments a, Site& /*next_site*/) {
    return apply(op, a[0]);
}
template <Op op>
Expression binary(Arguments a, Site& /*next_site*/) {
    return apply(op, a[0], a[1]);
}

// Halves away from zero, as in C.
Expression rounded(Arguments a, Site& /*next_site*/) {
    const Expression whole = apply(Op::truncate, a[0]);
    return whole + where(less(apply(Op::abs, a[0] - whole), 0.5), 0.0, apply(Op::sign, a[0]));
}

Expression positive(Arguments a, Site& /*next_site*/) {
    return where(less(0.0, a[0]), a[0], 0.0);
}
Expression negative(Arguments a, Site& /*next_site*/) {
    return where(less(a[0], 0.0), a[0], 0.0);
}
Expression clip(Arguments a, Site& /*next_site*/) {
    return clipped(a[0], a[1], a[2]);
}
Expression heaviside(Arguments a, Site& /*next_site*/) {
    return where(less(a[0], 0.0), 0.0, where(less(0.0, a[0]), 1.0, where(apply(Op::equal, a[0], 0.0), 0.5, a[0])));
}
Expression is_nan(Arguments a, Site& /*next_site*/) {
    return apply(Op::not_equal, a[0], a[0]);
}
Expression is_finite(Arguments a, Site& /*next_site*/) {
    return less(apply(Op::abs, a[0]), std::numeric_limits<double>::infinity());
}
Expression conditional(Arguments a, Site& /*next_site*/) {
    return where(a[0], a[1], a[2]);
}

Expression integer_remainder(Arguments a, Site& /*next_site*/) {
    return c_remainder(apply(Op::truncate, a[0]), apply(Op::truncate, a[1]));
}

// Below 1: x times a polynomial in x**2; from 1 to 6: 1 - exp(-x**2) times a polynomial in (x - 3)/(x + 3); beyond, 1 to the last bit.
// Chebyshev fits in 50 digits, errors 2e-21 and 4e-20.
Expression error_function(Arguments a, Site& /*next_site*/) {
    static constexpr std::array centre{1.1283791670955126,      -0.37612638903183754,    0.1128379167095512,
                                       -0.02686617064512984,    0.0052239776254232985,   -0.000854832702193483,
                                       0.00012055332902888736,  -1.4925647567519332e-05, 1.6462045441468418e-06,
                                       -1.6364642158167616e-07, 1.4792401209404813e-08,  -1.216456005728345e-09,
                                       8.709045129053106e-11,   -4.230945824295338e-12};
    static constexpr std::array tail{0.17900115118138996,     -0.3262335600430372,    0.2456038017123309,
                                     -0.15011593650077742,    0.07166583719797347,    -0.024392499318655416,
                                     0.004269136333148302,    0.0007077464385177353,  -0.0005970619586158305,
                                     4.5255298034073955e-05,  6.405673342206844e-05,  -1.2860318447907675e-05,
                                     -7.979817704348727e-06,  2.1169509641489688e-06, 1.2598817267482604e-06,
                                     -2.7269500546476834e-07, -2.389387463474792e-07, -2.5925894581233316e-08};
    const Expression x = a[0], size = apply(Op::abs, x);
    const Expression far = where(less(6.0, size), 6.0, size);
    const Expression rest = apply(Op::exp, -(far * far)) * polynomial((far - 3.0) / (far + 3.0), tail);
    return where(less(size, 1.0), x * polynomial(x * x, centre), apply(Op::sign, x) * (1.0 - rest));
}

// Lanczos' approximation with g = 7 and nine terms (SIAM J. Numer. Anal. B 1, 1964), reflected below 1/2.
Expression gamma_function(Arguments a, Site& /*next_site*/) {
    static constexpr std::array terms{676.5203681218851,     -1259.1392167224028,  771.32342877765313,
                                      -176.61502916214059,   12.507343278686905,   -0.13857109526572012,
                                      9.9843695780195716e-6, 1.5056327351493116e-7};
    const Expression x = a[0];
    const Expression reflected = less(x, 0.5);
    const Expression z = where(reflected, 1.0 - x, x) - 1.0;
    Expression sum(0.99999999999980993);
    for (std::size_t k = 0; k < terms.size(); ++k) sum = sum + terms[k] / (z + static_cast<double>(k + 1));
    const Expression shifted = z + 7.5;
    const Expression half_power = pow(shifted, 0.5 * (z + 0.5));  // squared: the whole power would overflow too early
    const Expression value = std::sqrt(2 * std::numbers::pi) * half_power * apply(Op::exp, -shifted) * half_power * sum;
    const double pi = std::numbers::pi;
    return where(reflected, pi / (apply(Op::sin, pi * x) * value), value);
}

// ---- random distributions ----

Expression draw(Op op, Site& next_site) {
    return Expression::random(op, next_site++);
}
// The optional last two arguments: a value outside is set to the bound.
Expression bounded(const Expression& value, Arguments a, std::size_t first) {
    if (a.size() == first + 1) return where(less(value, a[first]), a[first], value);
    return a.size() == first + 2 ? clipped(value, a[first], a[first + 1]) : value;
}
Expression uniform(Arguments a, Site& next_site) {
    return a[0] + (a[1] - a[0]) * draw(Op::uniform, next_site);
}
Expression discrete_uniform(Arguments a, Site& next_site) {
    return a[0] + apply(Op::floor, (a[1] - a[0] + 1.0) * draw(Op::uniform, next_site));
}
Expression normal(Arguments a, Site& next_site) {
    return bounded(a[0] + a[1] * draw(Op::normal, next_site), a, 2);
}
Expression log_normal(Arguments a, Site& next_site) {
    return bounded(apply(Op::exp, a[0] + a[1] * draw(Op::normal, next_site)), a, 2);
}
Expression exponential(Arguments a, Site& next_site) {
    return bounded(-apply(Op::log1p, -draw(Op::uniform, next_site)) / a[0], a, 1);
}

// Marsaglia & Tsang (ACM TOMS 26, 2000). A candidate is refused with a probability below 0.05; so many are drawn that the first is
// taken untested once in 1e10. Below shape 1: that of shape + 1 times U**(1/shape).
Expression gamma(Arguments a, Site& next_site) {
    constexpr int candidates = 8;
    const Expression shape = a[0];
    const Expression scale = a.size() > 1 ? a[1] : Expression(1.0);
    const Expression small = less(shape, 1.0);
    const Expression d = where(small, shape + 1.0, shape) - 1.0 / 3;
    const Expression c = 1.0 / apply(Op::sqrt, 9.0 * d);
    Expression value;
    for (int k = 0; k < candidates; ++k) {
        const Expression x = draw(Op::normal, next_site);
        const Expression u = 1.0 - draw(Op::uniform, next_site);
        const Expression root = 1.0 + c * x;
        const Expression v = root * root * root;
        const Expression taken = apply(Op::logical_and, less(0.0, v),
                                       less(apply(Op::log, u), 0.5 * x * x + d - d * v + d * apply(Op::log, v)));
        const Expression candidate = d * where(less(0.0, v), v, 1.0);
        value = k == 0 ? candidate : where(taken, candidate, value);
    }
    const Expression boost = where(small, pow(1.0 - draw(Op::uniform, next_site), 1.0 / where(small, shape, 1.0)), 1.0);
    return bounded(scale * value * boost, a, 2);
}

Expression binomial(Arguments a, Site& next_site) {
    Expression count(0.0);
    for (int k = 0; k < static_cast<int>(a[0].number()); ++k)
        count = count + where(less(draw(Op::uniform, next_site), a[1]), 1.0, 0.0);
    return count;
}

constexpr std::array builtins{
    AnnarchyBuiltin{"exp", 1, 1, "exp(x)", unary<Op::exp>},
    AnnarchyBuiltin{"log", 1, 1, "log(x)", unary<Op::log>},
    AnnarchyBuiltin{"ln", 1, 1, "ln(x)", unary<Op::log>},
    AnnarchyBuiltin{"log10", 1, 1, "log10(x)", unary<Op::log10>},
    AnnarchyBuiltin{"sqrt", 1, 1, "sqrt(x)", unary<Op::sqrt>},
    AnnarchyBuiltin{"sin", 1, 1, "sin(x)", unary<Op::sin>},
    AnnarchyBuiltin{"cos", 1, 1, "cos(x)", unary<Op::cos>},
    AnnarchyBuiltin{"tan", 1, 1, "tan(x)", unary<Op::tan>},
    AnnarchyBuiltin{"asin", 1, 1, "asin(x)", unary<Op::arcsin>},
    AnnarchyBuiltin{"acos", 1, 1, "acos(x)", unary<Op::arccos>},
    AnnarchyBuiltin{"atan", 1, 1, "atan(x)", unary<Op::arctan>},
    AnnarchyBuiltin{"atan2", 2, 2, "atan2(y, x)", binary<Op::arctan2>},
    AnnarchyBuiltin{"sinh", 1, 1, "sinh(x)", unary<Op::sinh>},
    AnnarchyBuiltin{"cosh", 1, 1, "cosh(x)", unary<Op::cosh>},
    AnnarchyBuiltin{"tanh", 1, 1, "tanh(x)", unary<Op::tanh>},
    AnnarchyBuiltin{"asinh", 1, 1, "asinh(x)", unary<Op::arcsinh>},
    AnnarchyBuiltin{"acosh", 1, 1, "acosh(x)", unary<Op::arccosh>},
    AnnarchyBuiltin{"atanh", 1, 1, "atanh(x)", unary<Op::arctanh>},
    AnnarchyBuiltin{"pow", 2, 2, "pow(x, y)", binary<Op::power>},
    AnnarchyBuiltin{"power", 2, 2, "power(x, y)", binary<Op::power>},
    AnnarchyBuiltin{"abs", 1, 1, "abs(x)", unary<Op::abs>},
    AnnarchyBuiltin{"fabs", 1, 1, "fabs(x)", unary<Op::abs>},
    AnnarchyBuiltin{"floor", 1, 1, "floor(x)", unary<Op::floor>},
    AnnarchyBuiltin{"ceil", 1, 1, "ceil(x)", unary<Op::ceil>},
    AnnarchyBuiltin{"ceiling", 1, 1, "ceiling(x)", unary<Op::ceil>},
    AnnarchyBuiltin{"round", 1, 1, "round(x)", rounded},
    AnnarchyBuiltin{"min", 2, 2, "min(a, b)", binary<Op::minimum>},
    AnnarchyBuiltin{"max", 2, 2, "max(a, b)", binary<Op::maximum>},
    AnnarchyBuiltin{"sign", 1, 1, "sign(x)", unary<Op::sign>},
    AnnarchyBuiltin{"erf", 1, 1, "erf(x)", error_function, false, 80},
    AnnarchyBuiltin{"gamma", 1, 1, "gamma(x)", gamma_function, false, 80},
    AnnarchyBuiltin{"isnan", 1, 1, "isnan(x)", is_nan, true},
    AnnarchyBuiltin{"isfinite", 1, 1, "isfinite(x)", is_finite, true},
    AnnarchyBuiltin{"Heaviside", 1, 1, "Heaviside(x)", heaviside},
    AnnarchyBuiltin{"pos", 1, 1, "pos(x)", positive},
    AnnarchyBuiltin{"positive", 1, 1, "positive(x)", positive},
    AnnarchyBuiltin{"neg", 1, 1, "neg(x)", negative},
    AnnarchyBuiltin{"negative", 1, 1, "negative(x)", negative},
    AnnarchyBuiltin{"clip", 3, 3, "clip(x, low, high)", clip},
    AnnarchyBuiltin{"modulo", 2, 2, "modulo(a, b)", integer_remainder},
    AnnarchyBuiltin{"ite", 3, 3, "ite(condition, a, b)", conditional},
    AnnarchyBuiltin{"Uniform", 2, 2, "Uniform(low, high)", uniform},
    AnnarchyBuiltin{"DiscreteUniform", 2, 2, "DiscreteUniform(low, high)", discrete_uniform},
    AnnarchyBuiltin{"Normal", 2, 4, "Normal(mu, sigma), or Normal(mu, sigma, min, max)", normal},
    AnnarchyBuiltin{"LogNormal", 2, 4, "LogNormal(mu, sigma), or LogNormal(mu, sigma, min, max)", log_normal},
    AnnarchyBuiltin{"Exponential", 1, 3, "Exponential(rate), or Exponential(rate, min, max)", exponential},
    AnnarchyBuiltin{"Gamma", 1, 4, "Gamma(shape, scale), or Gamma(shape, scale, min, max)", gamma, false, 250},
    AnnarchyBuiltin{"Binomial", 2, 2, "Binomial(n, p)", binomial},
};

constexpr std::array<std::string_view, 15> special{"t",      "dt",         "t_pre",     "t_post",  "t_last",
                                                   "i",      "last_spike", "rk_pre",    "rk_post", "j",
                                                   "active", "refractory", "lastspike", "size",    "not_refractory"};

}  // namespace

Expression c_remainder(const Expression& a, const Expression& b) {
    const Expression size = apply(Op::modulo, apply(Op::abs, a), apply(Op::abs, b));
    return where(less(a, 0.0), -size, size);
}

const AnnarchyBuiltin* find_annarchy_builtin(std::string_view name) {
    const auto* const found =
        std::find_if(builtins.begin(), builtins.end(), [&](const AnnarchyBuiltin& f) { return f.name == name; });
    return found == builtins.end() ? nullptr : found;
}

std::vector<std::string> annarchy_builtin_names() {
    std::vector<std::string> names;
    names.reserve(builtins.size());
    for (const auto& builtin : builtins) names.emplace_back(builtin.name);
    return names;
}

std::optional<std::string> annarchy_reserved(std::string_view name) {
    if (is_keyword(name)) return fmt::format("`{}` is a keyword", name);
    if (std::find(special.begin(), special.end(), name) != special.end())
        return fmt::format("`{}` is a special name", name);
    if (name == "pi") return "`pi` is the name of a constant";
    return std::nullopt;
}

}  // namespace spikesmith::lang
